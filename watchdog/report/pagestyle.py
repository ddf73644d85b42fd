"""The style of an exported page: two colour schemes, one column on a phone, and nothing that is loaded.

Invariant: no address stands in here, so that no reader of the file can be noticed. Colours are never the only sign.
"""

from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--soft:#57606a;--line:#d1d9e0;--band:#f4f6f8;--up:#2f7d4f;
--bad:#b3261e;--wait:#8a6100;--ask:#5b3fb0;--held:#7a3b3b;--word:#fff}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ec;--paper:#15181c;--soft:#9aa4af;--line:#363d46;--band:#1d2126;
--up:#57b37e;--bad:#ff8a80;--wait:#e0b23c;--ask:#b9a4ff;--held:#d29a9a;--word:#15181c}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:76rem;margin:0 auto;
padding:1.5rem 1rem 4rem;overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.25;margin:.4rem 0 1rem}
h2{font-size:1.1rem;margin:2.2rem 0 .6rem;border-bottom:1px solid var(--line);padding-bottom:.2rem}
h3{font-size:.95rem;margin:1.4rem 0 0;font-weight:600}h3+p{margin:.1rem 0 .6rem;color:var(--soft);font-size:.9rem}
header p{margin:0}
.chip{display:inline-block;border:1px solid var(--line);border-radius:1rem;padding:0 .7rem;font-size:.85rem}
.loud{background:var(--bad);border-color:var(--bad);color:var(--word);font-weight:600}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.2rem;margin:0}
dt{color:var(--soft)}dd{margin:0;min-width:0}
.layer{border-left:4px solid var(--line);padding:0 0 .1rem .8rem;margin:1.5rem 0}.layer h2{margin-top:0}
.layer .who{font-weight:600;font-size:.85rem;margin:.2rem 0}
.hypothesis{border-left-style:dashed;border-color:var(--ask)}.hypothesis .who{color:var(--ask)}
.cause{border-left:8px double var(--up)}.cause .who{color:var(--up)}
.unsigned{border-left:4px dotted var(--wait)}.unsigned .who{color:var(--wait)}
.layer pre{font:inherit;max-height:none}
figure{margin:0}.wide{overflow-x:auto;padding-bottom:.6rem}figcaption,caption{color:var(--soft);font-size:.85rem;text-align:left}
caption{padding-bottom:.5rem}
.keys{list-style:none;display:flex;flex-wrap:wrap;gap:.1rem 1.2rem;margin:.5rem 0 0;padding:0}
.key{width:16px;height:16px;vertical-align:-3px}
.wide svg{display:block;min-width:46rem;width:100%;height:auto;font:13px system-ui,sans-serif}
svg text{fill:var(--ink)}svg .tick{fill:var(--soft);font-size:11.5px}svg .word{fill:var(--word);font-size:12px}
.grid{stroke:var(--line)}.band{fill:var(--band)}
.up,.ok{fill:var(--up)}.starting{fill:var(--wait)}.held,.slow{fill:var(--held)}.failed{fill:var(--bad)}
.unseen{fill:var(--soft)}
.held,.slow,.failed{stroke:var(--ink);stroke-width:1.5}.held,.slow,.unseen{stroke:var(--ink);stroke-dasharray:5 3}
.halo{stroke:var(--paper);stroke-width:6;fill:none}
.mark-exit,.mark-people{stroke:var(--bad);stroke-width:3;fill:none}.mark-people{stroke:var(--ink)}
.mark-start{fill:var(--up)}.mark-ask{fill:var(--ask)}.mark-page{fill:var(--bad)}
.memory{fill:none;stroke:var(--ask);stroke-width:2}.sample{fill:var(--ask)}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{border-bottom:1px solid var(--line);padding:.3rem .6rem;text-align:left;vertical-align:top}
th{color:var(--soft);font-weight:600;white-space:nowrap}.day{padding-top:1rem}
td.n{font-variant-numeric:tabular-nums;white-space:nowrap;color:var(--soft)}
.filed td:first-child{box-shadow:inset 4px 0 var(--bad)}
.did{display:block;padding-left:1.4rem;text-indent:-1.4rem;color:var(--soft)}
details{border:1px solid var(--line);border-radius:.4rem;padding:.3rem .8rem;margin:.4rem 0}
summary{cursor:pointer}.whose{color:var(--soft);font-size:.85rem;margin-left:.4rem}
details p{margin:.3rem 0;font-size:.85rem;color:var(--soft)}
pre{margin:.4rem 0;padding:.6rem;background:var(--band);font-size:.8rem;line-height:1.4;white-space:pre-wrap;
max-height:24rem;overflow-y:auto}
code{font-size:.85rem}.bad,h3+p.bad{color:var(--bad);font-weight:600}
@media (max-width:48rem){
dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}
.timeline thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
.timeline,.timeline tbody,.timeline tr,.timeline td,.timeline th,.timeline caption{display:block}
.timeline tr{border-bottom:1px solid var(--line);padding:.4rem 0}
.timeline td,.timeline th{border:0;padding:0}.timeline td.n{display:inline-block;margin-right:.8rem;font-size:.8rem}
.timeline .filed{box-shadow:inset 4px 0 var(--bad);padding-left:.7rem}
.timeline .filed td:first-child{box-shadow:none}}
@media print{details{break-inside:avoid}.wide svg{min-width:0}}
"""
