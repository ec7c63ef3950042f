/** The style of the page, for light and dark. It loads nothing: the fonts are those of the system. */
export const style = `
:root {
  color-scheme: light dark;
  --ground: #fbfaf8; --raised: #ffffff; --line: #e4e0da; --text: #23211e; --soft: #6a655d; --link: #2b5d8a;
  --code: #f2efea; --get: #2c6e49; --post: #2b5d8a; --delete: #a13d2d; --mark: #8a5a00;
  --sans: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #16181b; --raised: #1d2024; --line: #32363c; --text: #e4e2dd; --soft: #a09c94; --link: #8fbde6;
    --code: #25292e; --get: #86c9a0; --post: #8fbde6; --delete: #e69a8c; --mark: #dfb45c;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1.5rem; }
body {
  margin: 0; background: var(--ground); color: var(--text); font: 16px/1.6 var(--sans);
  display: grid; grid-template: auto 1fr / 19rem minmax(0, 1fr);
}
a { color: var(--link); text-underline-offset: .2em; }
a:focus-visible, summary:focus-visible, button:focus-visible, input:focus-visible, pre:focus-visible {
  outline: 2px solid var(--link); outline-offset: 2px; border-radius: 3px;
}
code, pre { font-family: var(--mono); font-size: .86em; }
p code, td code { background: var(--code); padding: .1em .3em; border-radius: 3px; overflow-wrap: anywhere; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: 1rem; background: var(--raised); padding: .5rem 1rem; z-index: 1; }
header {
  grid-column: 1 / -1; display: flex; justify-content: space-between; align-items: baseline;
  padding: .8rem 2rem; border-bottom: 1px solid var(--line); background: var(--raised);
}
header p { margin: 0; }
.brand { font-weight: 650; letter-spacing: .01em; }
.brand span { color: var(--soft); font-weight: 400; }
nav {
  position: sticky; top: 0; align-self: start; height: 100vh; overflow-y: auto; padding: 1.5rem 1rem 3rem 2rem;
  border-right: 1px solid var(--line); font-size: .9rem;
}
nav h2 { font-size: .78rem; margin: 1.4rem 0 .4rem; text-transform: uppercase; letter-spacing: .08em; }
nav h2 a { color: var(--soft); text-decoration: none; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav li a {
  display: grid; grid-template-columns: 3.4rem 1fr; align-items: baseline; padding: .18rem .4rem; margin-left: -.4rem;
  border-radius: 4px; text-decoration: none; color: inherit;
}
nav li a:hover { background: var(--code); }
nav code { overflow-wrap: anywhere; }
.filter { display: grid; gap: .3rem; }
.filter[hidden] { display: none; }
.filter label { color: var(--soft); font-size: .78rem; }
.filter input {
  font: inherit; color: inherit; background: var(--raised); border: 1px solid var(--line); border-radius: 5px;
  padding: .35rem .6rem; width: 100%;
}
main { padding: 2rem clamp(1rem, 4vw, 4rem) 6rem; max-width: 72rem; min-width: 0; }
main:focus { outline: none; }
main p, main li { max-width: 44rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.015em; }
.lead { font-size: 1.15rem; color: var(--soft); margin-top: 0; }
main > section > h2 { font-size: 1.5rem; margin: 4rem 0 .2rem; letter-spacing: -.01em; }
article { border-top: 1px solid var(--line); margin-top: 2.2rem; padding-top: 1.6rem; }
article:target { border-top-color: var(--link); }
h3 { font-size: 1.15rem; margin: 0; }
h4 { font-size: .95rem; margin: 1.8rem 0 .5rem; }
.anchor { color: inherit; text-decoration: none; }
.anchor:hover { text-decoration: underline; }
.endpoint { margin: .3rem 0 1rem; }
.endpoint code { background: none; padding: 0; font-size: .95em; }
.method { font: 600 .7rem/1 var(--mono); letter-spacing: .04em; }
.method.get { color: var(--get); } .method.post { color: var(--post); } .method.delete { color: var(--delete); }
.endpoint .method { font-size: .85rem; }
.access { color: var(--mark); font-size: .8rem; margin-left: .6rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { text-align: left; vertical-align: top; padding: .5rem .9rem .5rem 0; border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 500; font-size: .8rem; padding-block: .3rem; }
tbody th { font-weight: 500; width: 13rem; overflow-wrap: anywhere; }
tbody td:nth-child(2) { width: 13rem; }
tbody td p { margin: 0 0 .3rem; }
.errors tbody td:first-child, .errors tbody td:nth-child(2) { width: auto; }
.required { display: block; color: var(--mark); font-size: .75rem; }
.type, .bounds { display: block; overflow-wrap: anywhere; }
.bounds { color: var(--soft); font-size: .82rem; }
details { margin: .3rem 0; }
summary { cursor: pointer; color: var(--link); width: fit-content; }
details > table, details > .filter { margin: .4rem 0 .8rem; }
td details > table { border-left: 2px solid var(--line); }
td details th, td details td { padding-left: .7rem; }
td details tbody th, td details tbody td:nth-child(2) { width: auto; }
.example { margin: 0 0 1rem; border: 1px solid var(--line); border-radius: 6px; background: var(--raised); }
figcaption {
  display: flex; justify-content: space-between; align-items: center; min-height: 2rem; padding: .2rem .9rem;
  color: var(--soft); font-size: .8rem; border-bottom: 1px solid var(--line);
}
figcaption button {
  font: inherit; color: var(--link); background: none; border: 0; padding: .2rem .4rem; cursor: pointer;
}
pre { margin: 0; padding: .8rem .9rem; overflow-x: auto; line-height: 1.5; }
@media (max-width: 60rem) {
  body { display: block; }
  nav { position: static; height: auto; max-height: 60vh; border-right: 0; border-bottom: 1px solid var(--line); padding: 1rem; }
  header { padding: .8rem 1rem; }
  thead { display: none; }
  tr, tbody th, tbody td, tbody td:nth-child(2) { display: block; width: auto; border: 0; padding: .1rem 0; }
  tr { border-bottom: 1px solid var(--line); padding: .6rem 0; }
}
@media print { nav, .skip, figcaption button { display: none; } body { display: block; } }
`;
