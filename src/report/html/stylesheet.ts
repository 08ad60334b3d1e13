/** The look of the report: one column, light and dark, phone and paper. */
import { COLOURS } from '../figure.ts';
import { FONT } from '../font.ts';

const colours = (theme: 0 | 1): string =>
  Object.entries(COLOURS)
    .map(([name, pair]) => `--${name}:${pair[theme]}`)
    .join(';');

const LIGHT = `${colours(0)};--paper:#fff;--raised:#f5f5f8;--line:#d9d9e0;--edge:#00000030;--link:#00558a;--warn-paper:#fdeceb;--warn-ink:#8c1d18`;
const DARK = `${colours(1)};--paper:#15151a;--raised:#1f1f26;--line:#3a3a45;--edge:#ffffff38;--link:#8fcbf5;--warn-paper:#3b1a18;--warn-ink:#ffb4ab`;

export const STYLESHEET = `
:root{color-scheme:light dark;${LIGHT}}
@media (prefers-color-scheme:dark){:root{${DARK}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 ${FONT};overflow-wrap:break-word}
main,header,footer{max-width:46rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:2.5rem}
footer{padding-top:1.5rem;padding-bottom:3rem;margin-top:3rem;color:var(--soft);font-size:.875rem}
h1{font-size:1.9rem;line-height:1.2;letter-spacing:-.015em;margin:0 0 .4rem;text-wrap:balance}
h2{font-size:1.3rem;line-height:1.3;letter-spacing:-.01em;margin:3rem 0 .75rem;padding-top:1rem;border-top:1px solid var(--line)}
h3{font-size:1.05rem;line-height:1.35;margin:2.25rem 0 .5rem}
h4{font-size:1rem;line-height:1.35;margin:1.5rem 0 .4rem}
p,ul,ol,dl{margin:.6rem 0}
ul,ol{padding-left:1.3rem}
li{margin:.3rem 0}
a{color:var(--link);text-underline-offset:.15em}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:2px solid var(--link);outline-offset:2px}
code{font:.9em ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;overflow-wrap:anywhere}
h1 wbr{display:none}
.lead{color:var(--soft);margin:0}
.soft{color:var(--soft);font-size:.9rem}
nav ul{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;font-size:.9rem}
nav li{margin:0}
.warning{background:var(--warn-paper);color:var(--warn-ink);border-left:4px solid currentColor;padding:.75rem 1rem;margin:1.25rem 0;font-weight:600}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.75rem;margin:1.5rem 0;padding:0}
.tiles div{display:flex;flex-direction:column;background:var(--raised);border-radius:.5rem;padding:.8rem 1rem}
.tiles dt{color:var(--soft);font-size:.82rem;line-height:1.3;min-height:2.6em}
.tiles dd{margin:.25rem 0 0;font-size:1.45rem;line-height:1.2;font-weight:600;letter-spacing:-.01em;font-variant-numeric:tabular-nums}
.tiles dd small{display:block;font-size:.8rem;line-height:1.35;font-weight:400;letter-spacing:0;color:var(--soft);margin-top:.2rem}
figure{margin:1.25rem 0 0}
figure svg{display:block;max-width:100%;height:auto}
.narrow{display:none}
.legend{list-style:none;padding:0;margin:.25rem 0 .5rem;display:flex;flex-wrap:wrap;gap:.15rem 1.4rem;font-size:.875rem}
.legend li{display:flex;align-items:center;gap:.5rem;margin:0}
.legend svg{flex:none}
figcaption{color:var(--soft);font-size:.9rem;margin:.35rem 0}
.scroll{overflow-x:auto;margin:.3rem 0 .8rem;border-radius:.25rem;background:linear-gradient(to right,var(--paper) 1.5rem,transparent) left/3rem 100% no-repeat local,linear-gradient(to left,var(--paper) 1.5rem,transparent) right/3rem 100% no-repeat local,linear-gradient(to right,var(--edge),transparent) left/.7rem 100% no-repeat scroll,linear-gradient(to left,var(--edge),transparent) right/.7rem 100% no-repeat scroll}
table{border-collapse:collapse;font-size:.875rem;line-height:1.4;font-variant-numeric:tabular-nums;min-width:min(100%,20rem)}
.caption{color:var(--soft);font-size:.875rem;line-height:1.45;margin:1.1rem 0 .3rem}
sub{font-size:.75em;line-height:0}
th,td{padding:.32rem .9rem .32rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
th:last-child,td:last-child{padding-right:.25rem}
td{white-space:nowrap}
table.wide td{white-space:normal;overflow-wrap:anywhere}
thead th{font-weight:600;vertical-align:bottom;border-bottom-color:var(--soft)}
tbody th{font-weight:400}
tbody th:not(.r){min-width:8.5rem}
.r{text-align:right}
table.wide{width:100%}
table.wide th[scope=row]:nth-last-child(2){width:36%}
details{margin:.6rem 0}
summary{cursor:pointer;color:var(--link);font-size:.9rem;padding:.25rem 0;width:fit-content}
.pictures{list-style:none;padding:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(4.75rem,1fr));gap:1rem .75rem;margin:.75rem 0}
.pictures li{margin:0;font-size:.8rem;line-height:1.4;font-variant-numeric:tabular-nums}
.pictures img{display:block;width:100%;max-width:6.5rem;aspect-ratio:1;object-fit:contain;image-rendering:pixelated;background:var(--raised);border:1px solid var(--line);border-radius:.25rem;margin-bottom:.3rem}
.pictures.moved{grid-template-columns:repeat(auto-fill,minmax(9rem,1fr))}
.pictures.moved img{max-width:9rem}
.pictures .bad{color:var(--wrong)}
.steps{padding-left:1.6rem}
.steps>li{margin:1.1rem 0}
.steps>li::marker{font-weight:600}
.steps p{margin:.3rem 0}
.working{background:var(--raised);border-radius:.35rem;padding:.5rem .8rem;font-variant-numeric:tabular-nums}
.working span{display:block}
.working span:first-child{color:var(--soft)}
.working span+span{margin-top:.2rem}
.conclusion{border-left:4px solid var(--series-3);padding:.1rem 0 .1rem .9rem;font-weight:600}
.symbols div{display:grid;grid-template-columns:5.5rem 1fr;gap:.75rem;margin:.15rem 0;font-size:.875rem;line-height:1.45}
.symbols dt{font-weight:600}
.symbols dd{margin:0;color:var(--soft)}
.download{display:inline-block;padding:.5rem .9rem;border:1px solid var(--line);border-radius:.4rem;background:var(--raised);text-decoration:none}
@media (max-width:34rem){
body{font-size:15px}
header{padding-top:1.5rem}
main,header,footer{padding-left:1rem;padding-right:1rem}
h1{font-size:1.55rem}
h1 wbr{display:inline}
.wideplot{display:none}
.narrow{display:block}
.tiles{grid-template-columns:repeat(2,1fr)}
.tiles dd{font-size:1.25rem}
}
@media print{
:root{color-scheme:light;${LIGHT}}
@page{margin:18mm 16mm}
body{font-size:10.5pt}
main,header,footer{max-width:none;padding:0}
header{padding-top:0}
nav,.download{display:none}
h2,h3,h4,.caption{break-after:avoid}
th,td{padding-top:.12rem;padding-bottom:.12rem}
h2{margin-top:1.8rem}
figure,.tiles,.pictures li,tr,li,.warning,.conclusion,.symbols{break-inside:avoid}
.legend,figcaption{break-inside:avoid}
.scroll{overflow:visible;background:none}
table:not(:has(tbody tr:nth-child(26))){break-inside:avoid}
thead{display:table-header-group}
a{color:inherit}
.references a::after{content:" " attr(href);font-size:.85em;color:var(--soft)}
tbody th{min-width:0}
.pictures{grid-template-columns:repeat(8,1fr)}
details.short::details-content{content-visibility:visible;display:block;height:auto}
details.short>summary{display:none}
details.long{display:none}
}
`
  .trim()
  .replaceAll('\n', '');
