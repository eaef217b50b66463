'use strict';
// The page of all videos: the summary, a table of videos and a table of classes.
const Index = (() => {
  const { element, text, state, change, onChange } = Page;
  const CHUNK = 60; // rows that are made at once, when the reader comes near them
  const share = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(1)} %` : '–');

  const COLUMNS = [
    { name: 'Video', value: (video) => video.id },
    { name: 'Length', value: (video) => video.length, show: (video) => Model.clock(video.length) },
    { name: 'True', truth: true, count: 'true', wide: true },
    { name: Model.hasTruth ? 'Predicted' : 'Events', count: 'predicted', wide: Model.hasTruth },
    { name: 'Hits', truth: true, count: 'hit' },
    { name: 'Missed', truth: true, count: 'missed' },
    { name: 'False alarms', short: 'False', truth: true, count: 'false' },
  ].filter((column) => Model.hasTruth || !column.truth);
  const valueOf = (column, video) =>
    (column.count ? Page.counts.ofVideo[video.place][column.count] : column.value(video));

  const figures = () => {
    const { total } = Page.counts, precision = Model.meanPrecision(state);
    const shown = [];
    if (precision !== null)
      shown.push([`${(100 * precision).toFixed(1)} %`, `mAP@${Model.tious[state.tiou]}`]);
    shown.push([Model.videos.length.toLocaleString('en'), 'videos']);
    if (Model.hasTruth) {
      shown.push([total.true.toLocaleString('en'), 'true events'], [total.hit.toLocaleString('en'), 'hits'],
        [total.missed.toLocaleString('en'), 'missed'], [total.false.toLocaleString('en'), 'false alarms'],
        [share(total.hit, total.hit + total.false), 'precision'],
        [share(total.true - total.missed, total.true), 'recall']);
    } else shown.push([total.predicted.toLocaleString('en'), 'events']);
    return shown.map(([value, name]) => element('div', { class: 'figure' }, element('b', {}, value), element('span', {}, name)));
  };

  const sortedVideos = () => {
    const wanted = state.search.trim().toLowerCase();
    const found = Model.videos.filter((video) => video.id.toLowerCase().includes(wanted));
    const column = COLUMNS[state.sort.column ?? -1];
    if (!column) return found;
    const sign = state.sort.descending ? -1 : 1;
    const order = new Intl.Collator('en', { numeric: true });
    const compare = column.count || column.name === 'Length' ? (a, b) => a - b : order.compare;
    return found.sort((a, b) => sign * compare(valueOf(column, a), valueOf(column, b)) || a.place - b.place);
  };

  const videoRow = (video) => {
    const cells = COLUMNS.map((column, place) => {
      if (!place) return element('td', { role: 'cell' }, element('a', { href: `#/video/${video.place}` }, text(video.id)));
      const name = place > 1 ? (column.short || column.name).toLowerCase() : null;
      return element('td', { role: 'cell', 'data-name': name, class: column.wide ? 'wide' : '' });
    });
    const canvas = element('canvas', { class: 'strip', 'aria-hidden': 'true' });
    const row = element('tr', { role: 'row' }, ...cells, element('td', { class: 'strip', role: 'cell' }, canvas));
    row.canvas = canvas;
    row.fill = () => COLUMNS.forEach((column, place) => {
      if (!place) return;
      const value = column.truth && !video.judged ? '–' : column.show ? column.show(video) : valueOf(column, video);
      cells[place].textContent = value;
    });
    canvas.draw = () => Page.drawStrip(canvas, video, Model.eventsOf(video, state));
    row.fill();
    return row;
  };

  const videoTable = (drawn) => {
    const heads = COLUMNS.map((column, place) => {
      const sort = () => change({ sort: { column: place, descending: state.sort.column === place && !state.sort.descending } });
      return element('th', { scope: 'col', role: 'columnheader' }, element('button', { type: 'button', onclick: sort }, column.name));
    });
    const body = element('tbody', { role: 'rowgroup' });
    const more = element('div', { class: 'more' });
    const empty = element('p', { class: 'empty hidden' }, 'No video has such a name.');
    const table = element('table', { class: 'videos', role: 'table', 'aria-label': 'Videos' },
      element('thead', { role: 'rowgroup' }, element('tr', { role: 'row' }, ...heads,
        element('th', { scope: 'col', role: 'columnheader', class: 'strip' }, 'Overview'))), body);
    let rows = [], made = 0;
    const strips = new IntersectionObserver((entries) => entries.forEach(({ target, isIntersecting }) => {
      if (!isIntersecting) return drawn.delete(target);
      drawn.add(target);
      return target.draw();
    }), { rootMargin: '200px' });
    const append = () => {
      const next = rows.slice(made, made + CHUNK).map(videoRow);
      made += next.length;
      body.append(...next);
      next.forEach((row) => strips.observe(row.canvas));
      if (made < rows.length) { // ask anew: the end may still be in sight
        ends.unobserve(more);
        ends.observe(more);
      }
    };
    const ends = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting) && made < rows.length) append();
    }, { rootMargin: '600px' });
    ends.observe(more);
    const fill = () => {
      const now = sortedVideos();
      empty.classList.toggle('hidden', now.length > 0);
      heads.forEach((head, place) => {
        const sorted = state.sort.column === place;
        head.setAttribute('aria-sort', sorted ? (state.sort.descending ? 'descending' : 'ascending') : 'none');
      });
      table.setAttribute('aria-rowcount', now.length + 1);
      if (now.length === rows.length && now.every((video, place) => video === rows[place])) {
        for (const row of body.children) row.fill();
        drawn.forEach((canvas) => canvas.draw());
        return;
      }
      rows = now;
      made = 0;
      strips.disconnect();
      drawn.clear();
      body.replaceChildren();
      append();
    };
    return { card: [table, empty, more], fill, stop: () => { strips.disconnect(); ends.disconnect(); } };
  };

  const classTable = () => {
    const names = ['Class', ...(Model.content.ap ? ['AP'] : []), ...(Model.hasTruth ? ['True'] : []),
      Model.hasTruth ? 'Predicted' : 'Events', ...(Model.hasTruth ? ['Hits', 'Missed', 'False alarms'] : [])];
    const body = element('tbody');
    const fill = () => body.replaceChildren(...Model.labels.flatMap((name, label) => {
      if (state.hiddenLabels.has(label)) return [];
      const counts = Page.counts.ofLabel[label], ap = Model.content.ap && Model.content.ap[state.tiou][label];
      const cells = [text(name), ...(Model.content.ap ? [ap === null ? '–' : (100 * ap).toFixed(1)] : []),
        ...(Model.hasTruth ? [counts.true] : []), counts.predicted,
        ...(Model.hasTruth ? [counts.hit, counts.missed, counts.false] : [])];
      return [element('tr', {}, ...cells.map((cell) => element('td', {}, typeof cell === 'number' ? String(cell) : cell)))];
    }));
    const head = element('tr', {}, ...names.map((name) => element('th', { scope: 'col' }, name)));
    return { table: element('table', { class: 'byclass', 'aria-label': 'Classes' }, element('thead', {}, head), body), fill };
  };

  const open = (main) => {
    const { content } = Model, drawn = new Set();
    const provenance = Object.entries(content.provenance);
    const search = element('input', { type: 'search', id: 'search', placeholder: 'Find a video (/)', 'aria-label': 'Find a video', value: state.search });
    const summary = element('div', { class: 'summary' });
    const found = element('span', { class: 'soft', 'aria-live': 'polite' });
    const videos = videoTable(drawn), classes = classTable();
    main.replaceChildren(
      element('h1', {}, text(content.title)), element('p', { class: 'soft notes' }, content.date),
      ...(provenance.length ? [element('details', { class: 'provenance' }, element('summary', {}, 'The model'),
        element('dl', {}, ...provenance.flatMap(([name, value]) => [element('dt', { class: 'soft' }, text(name)), element('dd', {}, text(value))])))] : []),
      summary,
      element('section', { class: 'card' }, element('header', {}, element('h2', {}, 'Videos'), search, found), ...videos.card),
      ...(Model.labels.length ? [element('section', { class: 'card' }, element('header', {}, element('h2', {}, 'Classes')),
        element('div', { class: 'scroll' }, classes.table))] : []),
    );
    search.addEventListener('input', () => change({ search: search.value }));
    const update = () => {
      summary.replaceChildren(...figures());
      videos.fill();
      classes.fill();
      const number = state.search.trim() ? main.querySelector('table.videos').getAttribute('aria-rowcount') - 1 : null;
      found.textContent = number === null ? '' : `${number} of ${Model.videos.length}`;
    };
    update();
    const stopListening = onChange(update);
    const redraw = () => drawn.forEach((canvas) => canvas.draw());
    window.addEventListener('resize', redraw);
    return { close: () => { stopListening(); videos.stop(); window.removeEventListener('resize', redraw); }, key: () => false };
  };

  return { open };
})();
