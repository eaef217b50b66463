'use strict';
// Which page is shown, and the keys.
const Report = (() => {
  const { element } = Page;
  const main = document.getElementById('main'), keys = document.getElementById('keys');
  let page = null;

  const route = () => {
    if (page) page.close();
    const match = /^#\/video\/(\d+)$/.exec(window.location.hash), video = match && Model.videos[Number(match[1])];
    document.title = (video ? `${video.id} – ` : '') + Model.content.title;
    page = video ? VideoPage.open(main, video) : Index.open(main);
    window.scrollTo(0, 0);
  };

  const HELP = [['Space', 'play or pause'], ['← →', 'one second back or on; with Shift a tenth'], ['Home End', 'begin and end'],
    ['+ −', 'zoom in and out'], ['0', 'whole video'], ['n p', 'next and previous event shown'], ['[ ]', 'threshold down and up'],
    ['/', 'find a video'], ['Esc', 'back to all videos'], ['?', 'these keys']];
  const startHelp = () => {
    keys.append(element('h2', {}, 'Keys'), element('dl', {}, ...HELP.flatMap(([names, meaning]) => [
      element('dt', {}, ...names.split(' ').flatMap((name) => [element('kbd', {}, name), ' '])), element('dd', {}, meaning)])),
      element('button', { type: 'button', onclick: () => keys.close() }, 'Close'));
    document.getElementById('help').addEventListener('click', () => keys.showModal());
  };

  const COMMON = {
    '?': () => keys.showModal(),
    '[': () => Page.setThreshold(Page.state.threshold - 0.05),
    ']': () => Page.setThreshold(Page.state.threshold + 0.05),
    '/': () => {
      window.location.hash = '#/';
      requestAnimationFrame(() => document.getElementById('search')?.focus());
    },
    Escape: () => { window.location.hash = '#/'; },
  };
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || keys.open) return;
    const target = event.target;
    if (target.matches('input:not([type=range]):not([type=checkbox]), select, textarea')) return;
    // What these do with a key of their own is left to them.
    if (target.matches('button, summary, video, audio, input, a') && [' ', 'Enter'].includes(event.key)) return;
    if (target.matches('video, audio, input') && /^(Arrow|Home|End)/.test(event.key)) return;
    const done = page.key(event) || (COMMON[event.key] && (Model.hasScores || !'[]'.includes(event.key)) && (COMMON[event.key](), true));
    if (done) event.preventDefault();
  });

  document.getElementById('made').textContent = `Made with mmdel ${Model.content.mmdel}, ${Model.content.date}.`;
  Page.startTheme();
  Page.startToolbar();
  startHelp();
  window.addEventListener('hashchange', route);
  route();
  return { page: () => page };
})();
