"""The one style sheet of the HTML pages: readable on a phone, in the dark and on paper, without a script."""

from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1a1d21;--soft:#5b6570;--line:#dfe3e8;--accent:#2457d6;
--add:#116329;--addbg:#e6f6ea;--del:#a40e26;--delbg:#fdebec;--mod:#7d4e00;--modbg:#fff5dc;--mono:ui-monospace,
SFMono-Regular,Menlo,Consolas,"Noto Sans Mono CJK KR",monospace}
@media (prefers-color-scheme:dark){:root{--bg:#0e1116;--card:#161b22;--ink:#e8ecf1;--soft:#9aa5b1;--line:#2b323b;
--accent:#7aa2ff;--add:#56d364;--addbg:#12261a;--del:#ff8182;--delbg:#2d1416;--mod:#e3b341;--modbg:#2a2110}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"Apple SD Gothic Neo","Malgun Gothic","Noto Sans KR",sans-serif}
a{color:var(--accent)}
a:focus-visible,button:focus-visible,input:focus-visible,textarea:focus-visible,summary:focus-visible{
outline:3px solid var(--accent);outline-offset:2px;border-radius:6px}
header,main,footer{max-width:62rem;margin:0 auto;padding:0 1.25rem}
header{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center;padding-top:1.1rem;padding-bottom:.9rem}
header .name{font-weight:700;letter-spacing:-.01em;text-decoration:none;color:inherit;font-size:1.1rem}
header .name::before{content:"";display:inline-block;width:.62em;height:.62em;margin-right:.5em;border-radius:50%;
background:var(--accent);box-shadow:.36em 0 0 -.06em color-mix(in srgb,var(--accent) 45%,transparent)}
header .who{margin-left:auto;color:var(--soft);font-size:.9rem;display:flex;gap:.75rem;align-items:center}
header form{margin:0}
h1{font-size:1.55rem;line-height:1.25;letter-spacing:-.015em;margin:.4rem 0 .8rem;overflow-wrap:anywhere}
h2{font-size:1.02rem;margin:0 0 .75rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:1.15rem 1.25rem;margin:0 0 1rem}
.lead{font-size:1.08rem;margin:.1rem 0 1rem}
.soft,dt{color:var(--soft)}
.small{font-size:.88rem}
.tags{display:flex;flex-wrap:wrap;gap:.45rem;margin:0 0 1rem}
.tag{border:1px solid var(--line);border-radius:999px;padding:.12rem .7rem;font-size:.86rem;font-weight:600;background:
var(--card)}
.tag.low,.tag.none,.tag.approved,.tag.applied{color:var(--add);background:var(--addbg);border-color:transparent}
.tag.high,.tag.pending,.tag.applying{color:var(--mod);background:var(--modbg);border-color:transparent}
.tag.destructive,.tag.rejected,.tag.failed,.tag.stale,.tag.rolled_back{color:var(--del);background:var(--delbg);
border-color:transparent}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.35rem 1.1rem;margin:0}
dd{margin:0;overflow-wrap:anywhere}
code,pre,.mono{font-family:var(--mono);font-size:.88rem}
pre{margin:0;overflow-x:auto;line-height:1.5;padding:.35rem 0;tab-size:2}
pre span{display:block;padding:0 .7rem;border-left:3px solid transparent;white-space:pre-wrap;overflow-wrap:anywhere}
pre .add{color:var(--add);background:var(--addbg);border-color:var(--add)}
pre .del{color:var(--del);background:var(--delbg);border-color:var(--del)}
pre .mod{color:var(--mod);background:var(--modbg);border-color:var(--mod)}
pre .why{color:var(--soft)}
pre .head{font-weight:700}
.cmd{display:grid;grid-template-columns:minmax(9rem,max-content) 1fr;gap:.5rem 1.2rem;align-items:baseline}
.cmd code{background:var(--bg);border:1px solid var(--line);border-radius:8px;padding:.25rem .6rem;overflow-x:auto;
white-space:pre-wrap;overflow-wrap:anywhere}
ul.notes{margin:0;padding-left:1.2rem}
ul.notes li{overflow-wrap:anywhere}
ul.plans{list-style:none;margin:0;padding:0}
ul.plans li{border-top:1px solid var(--line)}
ul.plans li:first-child{border-top:0}
ul.plans a{display:flex;flex-wrap:wrap;gap:.25rem 1rem;align-items:center;padding:.8rem .35rem;color:inherit;
text-decoration:none;border-radius:8px}
ul.plans a:hover{background:var(--bg)}
ul.plans .what{flex:1 1 18rem}
ul.plans .what>*{display:block}
label{display:block;font-weight:600;margin:0 0 .3rem}
textarea,input[type=text]{width:100%;font:inherit;color:inherit;background:var(--bg);border:1px solid var(--line);
border-radius:10px;padding:.6rem .7rem;margin:0 0 .9rem}
textarea{min-height:4.6rem;resize:vertical}
.buttons{display:flex;flex-wrap:wrap;gap:.7rem}
button{font:inherit;font-weight:650;border-radius:10px;border:1px solid var(--line);background:var(--card);
color:inherit;padding:.65rem 1.3rem;cursor:pointer;min-height:2.75rem}
button.go{background:#1f7a3a;border-color:#1f7a3a;color:#fff}
button.go:hover{background:#17632e}
button.no{border-color:var(--del);color:var(--del)}
button.no:hover{background:var(--delbg)}
button.link{border:0;background:none;color:var(--accent);padding:0;min-height:0;font-weight:500;
text-decoration:underline}
.note{border-left:4px solid var(--mod);background:var(--modbg);padding:.7rem .9rem;border-radius:8px;margin:0 0 1rem}
.note.bad{border-color:var(--del);background:var(--delbg)}
.note.good{border-color:var(--add);background:var(--addbg)}
footer{color:var(--soft);font-size:.85rem;padding-top:.5rem;padding-bottom:2rem}
.skip{position:absolute;left:-999px}
.skip:focus{left:1rem;top:.5rem;background:var(--card);padding:.4rem .8rem;z-index:1}
@media (max-width:36rem){.card{padding:1rem;border-radius:12px}h1{font-size:1.3rem}.buttons button{flex:1 1 100%}
dl{grid-template-columns:1fr;gap:.05rem}dd{margin:0 0 .5rem}.cmd{grid-template-columns:1fr;gap:.2rem}
header .who{margin-left:0;width:100%}}
@media print{.buttons,header form{display:none}.card{break-inside:avoid}}
"""
