/** The report's style sheet. Blue and orange stay apart for all common kinds of colour blindness. */
export const REPORT_STYLE = `
:root {
  --paper: #fbfbf9; --card: #ffffff; --ink: #1d2330; --faint: #667085; --line: #d5d9e0;
  --fused: #1f6feb; --unfused: #e8912d; --accent: #0f9d6b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171c; --card: #1c2027; --ink: #e6e9ef; --faint: #98a2b3; --line: #3a414d;
    --fused: #6aa5ff; --unfused: #f2ad5c; --accent: #4bd3a0;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 0.4rem; letter-spacing: -0.01em; }
h2 { font-size: 1.15rem; margin: 2.75rem 0 0.4rem; }
p { margin: 0 0 0.6rem; max-width: 44rem; }
header p, section > p { color: var(--faint); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 0.8rem; list-style: none; margin: 1.6rem 0 0; padding: 0; }
.cards li { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 0.8rem 1rem; color: var(--faint); font-size: 0.9rem; }
.cards strong { display: block; color: var(--ink); font-size: 1.6rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; list-style: none; margin: 0 0 0.6rem; padding: 0; font-size: 0.85rem; color: var(--faint); }
.legend li::before { content: ""; display: inline-block; width: 0.75em; height: 0.75em; margin-right: 0.5em; border-radius: 50%; }
.legend .fused::before { background: var(--fused); }
.legend .unfused::before { background: var(--unfused); }
.legend .copy::before { height: 0; width: 1.4em; border-radius: 0; border-top: 2px dashed var(--accent); vertical-align: middle; }
figure { margin: 0; overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 0.75rem; }
svg.chart { display: block; min-width: 640px; max-width: 100%; height: auto; }
.wide { width: min(94vw, 80rem); position: relative; left: 50%; transform: translateX(-50%); overflow-x: auto; border: 1px solid var(--line); border-radius: 10px; background: var(--card); }
table { border-collapse: collapse; font-size: 0.82rem; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: 0.35rem 0.6rem; text-align: left; white-space: nowrap; border-top: 1px solid var(--line); font-weight: 400; }
thead th { border-top: 0; color: var(--faint); font-weight: 600; }
td.n, thead tr:last-child th:nth-child(n + 3) { text-align: right; }
thead .groups th { text-align: center; border-bottom: 1px solid var(--line); padding-bottom: 0.15rem; }
thead .groups th:empty { border-bottom: 0; }
th:first-child { position: sticky; left: 0; background: var(--card); }
tbody tr:hover { background: color-mix(in srgb, var(--fused) 8%, transparent); }
small { color: var(--faint); }
`;
