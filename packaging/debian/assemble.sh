# shellcheck shell=sh
# Run by build_deb.py as root in an overlay over the suite's tree, without network: makes the package of gatedog's
# sources (/build/in) and the wheels of fetch.sh, and leaves it in /build/out.
#
# Invariant: what is packed lies where it will lie on a user's machine while it is put together, so no path of a build
# gets into it; and every date in it is SOURCE_DATE_EPOCH.
set -eu
umask 022
export PYTHONHASHSEED=0 # the order of frozen sets in compiled modules

HOME_OF=/usr/lib/gatedog
ROOT=/build/root
RECIPES=/build/in/packaging/debian
DOC=$ROOT/usr/share/doc/gatedog
build=/usr/lib/gatedog-build/bin/python
pip="$build -m pip --disable-pip-version-check --quiet --no-input install --no-index --no-deps --no-compile"
pip="$pip --root-user-action=ignore"

$pip --force-reinstall /build/wheels/tools/*.whl
(cd /build/in && "$build" -m hatchling build --target wheel --directory /build/dist)

# -- the environment ---------------------------------------------------------------------------------------------------

minor=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
next=${minor%.*}.$((${minor#*.} + 1))
site=$HOME_OF/lib/python$minor/site-packages
mkdir -p $HOME_OF/bin "$site"
ln -s ../../../bin/python3 $HOME_OF/bin/python3
ln -s python3 $HOME_OF/bin/python
printf 'home = /usr/bin\ninclude-system-site-packages = false\nversion = %s\n' "$minor" >$HOME_OF/pyvenv.cfg
names=$(cd /build/wheels/run && for wheel in *.whl; do echo "${wheel%%-*}"; done)
# By name and not by path, which pip would write down.
# shellcheck disable=SC2086 # lists of words
(cd /build && ${pip% install *} --python $HOME_OF/bin/python install ${pip#* install } \
    --find-links /build/wheels/run --find-links /build/dist gatedog $names)
find $HOME_OF/bin ! -name gatedog ! -name 'python*' -type f -delete

# The sources of what is compiled already: megabytes of C that nothing reads.
find "$site" -type f \( -name '*.c' -o -name '*.h' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' \) -delete
sed -i -E '/^[^,]*\.(c|h|pyx|pxd|pxi),/d' "$site"/*.dist-info/RECORD
find "$site" -name '*.so' -exec strip --strip-unneeded --remove-section=.comment {} + -exec chmod 644 {} +
# Compiled here, and never looked at again for being older than their sources: dpkg replaces both at once, and
# `dpkg --verify` sees a change of either. Compiled by postinst they would be nobody's files.
python3 -m compileall -q --invalidation-mode unchecked-hash "$site"
$HOME_OF/bin/gatedog version

version=$($HOME_OF/bin/gatedog version | sed 's/^gatedog //')
libsystemd=$(dpkg-query --showformat='${Version}' --show libsystemd0)
number=$(sed -n 's/^VERSION_ID="\(.*\)"/\1/p' /etc/os-release)
# A candidate comes before its release, for dpkg as well as for Python; and a suite before the next one.
debian=$(printf '%s' "$version" | sed -E 's/(a|b|rc|\.dev)([0-9]+)$/~\1\2/')-1~deb$number

# -- what lies around it -----------------------------------------------------------------------------------------------

mkdir -p $ROOT/DEBIAN $ROOT/usr/bin $ROOT/usr/lib $DOC
cp -a $HOME_OF $ROOT/usr/lib/
ln -s ../lib/gatedog/bin/gatedog $ROOT/usr/bin/gatedog

install -D -m 644 /build/in/units/sysusers.d/gatedog.conf $ROOT/usr/lib/sysusers.d/gatedog.conf
install -D -m 644 $RECIPES/needrestart.conf $ROOT/etc/needrestart/conf.d/gatedog.conf
echo /etc/needrestart/conf.d/gatedog.conf >$ROOT/DEBIAN/conffiles
install -D -m 644 $RECIPES/lintian-overrides $ROOT/usr/share/lintian/overrides/gatedog

for page in /build/in/docs/man/*.[158]; do
    place=$ROOT/usr/share/man/man${page##*.}
    install -D -m 644 "$page" "$place/${page##*/}"
    gzip -9n "$place/${page##*/}"
done
completion() { # from ... to
    install -D -m 644 "/build/in/packaging/completions/$1" "$ROOT/usr/share/$2"
}
completion gatedog.bash bash-completion/completions/gatedog
completion _gatedog zsh/vendor-completions/_gatedog
completion gatedog.fish fish/vendor_completions.d/gatedog.fish

install -m 644 $RECIPES/copyright $DOC/copyright
gzip -9nc /build/in/CHANGELOG.md >$DOC/changelog.gz
day=$(date --utc --rfc-email --date="@$SOURCE_DATE_EPOCH")
maintainer=$(sed -n 's/^Maintainer: //p' $RECIPES/control)
entry() { # what is new
    printf 'gatedog (%s) %s; urgency=medium\n\n  * %s\n\n -- %s  %s\n' "$debian" "$SUITE" "$1" "$maintainer" "$day"
}
entry "gatedog $version for $SUITE. What is new in it: changelog.gz." | gzip -9nc >$DOC/changelog.Debian.gz
entry "$(cat $RECIPES/NEWS)" | gzip -9nc >$DOC/NEWS.Debian.gz

# -- the package -------------------------------------------------------------------------------------------------------

for script in preinst postinst prerm postrm; do
    install -m 755 "$RECIPES/$script" "$ROOT/DEBIAN/$script"
done
sed -e "s/@VERSION@/$debian/; s/@PYTHON@/$minor/; s/@NEXT_PYTHON@/$next/; s/@LIBSYSTEMD@/${libsystemd%%.*}/" \
    -e "s/@SIZE@/$(du --apparent-size -sk $ROOT | cut -f1)/; s/@ARCHITECTURE@/$(dpkg --print-architecture)/" \
    $RECIPES/control >$ROOT/DEBIAN/control
find $ROOT -type d -exec chmod 755 {} +
(cd $ROOT && find usr etc -type f | LC_ALL=C sort | xargs -d '\n' md5sum >DEBIAN/md5sums)
find $ROOT -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zxz --threads-max=1 --build $ROOT /build/out
