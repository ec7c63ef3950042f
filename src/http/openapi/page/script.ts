/**
 * The script of the page: it filters the navigation and adds buttons that copy examples. In the page it is between tags, so
 * that it has no `</script` in it.
 */
export const script = `
'use strict';
const filter = document.getElementById('filter');
const nothing = document.getElementById('nothing');
filter.parentElement.hidden = false;
filter.addEventListener('input', () => {
  const words = filter.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let found = 0;
  for (const section of document.querySelectorAll('nav section')) {
    let shown = 0;
    for (const item of section.querySelectorAll('li')) {
      item.hidden = !words.every((word) => item.dataset.words.includes(word));
      if (!item.hidden) shown++;
    }
    section.hidden = shown === 0;
    found += shown;
  }
  nothing.hidden = found > 0;
});
if (navigator.clipboard) {
  for (const figure of document.querySelectorAll('figure.example')) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = 'Copy';
    button.addEventListener('click', () => {
      const told = (text) => {
        button.textContent = text;
        setTimeout(() => { button.textContent = 'Copy'; }, 1500);
      };
      navigator.clipboard.writeText(figure.querySelector('code').textContent)
        .then(() => told('Copied'), () => told('Not copied'));
    });
    figure.querySelector('figcaption').append(button);
  }
}
`;
