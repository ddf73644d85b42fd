# shellcheck shell=sh
# Run by build_deb.py as root in an overlay over the suite's tree, with the network: puts into /build/wheels what goes
# into the package (run/) and what builds it (tools/), each file taken by its digest.
#
# Invariant: nothing is compiled with a tool that has no digest here; so no isolated builds, which would fetch their own.
set -eu

pip="/usr/lib/gatedog-build/bin/pip --disable-pip-version-check --quiet --no-input --no-cache-dir"
cd /build/in
mkdir -p /build/wheels/tools /build/wheels/run

$pip download --require-hashes --no-deps --only-binary :all: --dest /build/wheels/tools --requirement pins-build.txt
$pip install --no-index --no-deps --force-reinstall --no-compile --root-user-action=ignore /build/wheels/tools/*.whl

# Without -g no path of this build gets into what is compiled, and so none into its build id.
CFLAGS='-g0 -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2' LDFLAGS='-Wl,-z,relro -Wl,-z,now' \
    $pip wheel --require-hashes --no-deps --no-build-isolation --wheel-dir /build/wheels/run --requirement pins.txt
