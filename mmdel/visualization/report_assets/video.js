'use strict';
// The page of one video: the player, what happens now, the timeline, and the events as a table.
const VideoPage = (() => {
  const { element, text, mark, state, change, onChange, KINDS } = Page;
  const CHUNK = 60, STEP_SEC = 1, FINE_STEP_SEC = 0.1;

  const filePlayer = (video, onTime) => {
    const root = element('div', { class: 'player' });
    let player = null, address = null;
    const pick = element('input', { type: 'file', accept: 'video/*,audio/*', class: 'hidden', 'aria-label': 'A media file' });
    const tell = (message) => {
      player = null;
      root.replaceChildren(element('div', { class: 'nomedia', role: 'status' }, element('p', {}, ...message),
        element('button', { type: 'button', onclick: () => pick.click() }, 'Open a media file …'), pick));
    };
    const load = (source, audio, name) => {
      player = element(audio ? 'audio' : 'video', { controls: true, preload: 'metadata', playsinline: true, 'aria-label': 'Player' });
      player.addEventListener('error', () => tell(['The file ', text(name), ' is not there, or this browser cannot play it. The timeline works without it.']));
      for (const type of ['timeupdate', 'seeked', 'play', 'loadedmetadata']) player.addEventListener(type, () => player && onTime(player.currentTime));
      player.src = source;
      root.replaceChildren(player);
    };
    pick.addEventListener('change', () => {
      const [file] = pick.files;
      if (!file) return;
      if (address) URL.revokeObjectURL(address);
      address = URL.createObjectURL(file);
      load(address, file.type.startsWith('audio/'), file.name);
    });
    const shown = (path) => { try { return decodeURIComponent(path); } catch { return path; } };
    if (video.media) load(video.media, video.audio_only, shown(video.media));
    else tell(['No media file is at hand for this video. The timeline works without it.']);
    return {
      root,
      playing: () => player !== null && !player.paused && !player.ended,
      time: () => player && player.currentTime,
      seek: (second) => { if (player) player.currentTime = second; },
      toggle: () => { if (player) player.paused ? player.play().catch(() => {}) : player.pause(); },
      close: () => {
        if (player) player.pause();
        if (address) URL.revokeObjectURL(address);
      },
    };
  };

  const eventTable = (onPick) => {
    const body = element('tbody');
    const names = ['Class', 'Kind', 'Start', 'End', ...(Model.hasScores ? ['Score'] : [])];
    const table = element('table', { class: 'events', 'aria-label': 'Events' },
      element('thead', {}, element('tr', {}, ...names.map((name) => element('th', { scope: 'col' }, name)))), body);
    const empty = element('p', { class: 'empty' }, 'No event at this threshold.');
    const more = element('div', { class: 'more' });
    let events = [], made = 0;
    const append = () => {
      const next = events.slice(made, made + CHUNK).map((event) => {
        const pick = element('button', { type: 'button', onclick: () => onPick(event) }, Model.clock(event.start, 2));
        const kind = (event.true ? 'true, ' : '') + KINDS[event.kind];
        const cells = [text(Model.name(event.label)), element('span', {}, mark(event.kind), kind), pick, Model.clock(event.end, 2),
          ...(Model.hasScores ? [event.score === null ? '–' : event.score.toFixed(3)] : [])];
        const row = element('tr', {}, ...cells.map((cell) => element('td', {}, cell)));
        row.addEventListener('click', (click) => { if (click.target !== pick) onPick(event); });
        return row;
      });
      made += next.length;
      body.append(...next);
      if (made < events.length) {
        ends.unobserve(more);
        ends.observe(more);
      }
    };
    const ends = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting) && made < events.length) append();
    }, { rootMargin: '400px' });
    ends.observe(more);
    const fill = (now) => {
      events = now;
      made = 0;
      body.replaceChildren();
      table.setAttribute('aria-rowcount', events.length + 1);
      empty.classList.toggle('hidden', events.length > 0);
      if (events.length) append();
    };
    return { parts: [element('div', { class: 'scroll' }, table), empty, more], fill, stop: () => ends.disconnect() };
  };

  const legend = (video) => {
    const kinds = Model.hasTruth && video.judged ? ['found', 'missed', 'hit', 'false', 'neutral'] : ['plain'];
    const counts = {};
    const root = element('div', { class: 'legend', role: 'group', 'aria-label': 'Kinds of events shown' },
      ...kinds.map((kind) => {
        counts[kind] = element('b');
        const toggle = () => {
          state.hiddenKinds[state.hiddenKinds.has(kind) ? 'delete' : 'add'](kind);
          change();
        };
        const name = kind === 'found' ? 'true, found' : kind === 'missed' ? 'true, missed' : KINDS[kind];
        return element('button', { type: 'button', 'data-kind': kind, onclick: toggle }, mark(kind), `${name} `, counts[kind]);
      }));
    return { root, fill: (events) => kinds.forEach((kind, place) => {
      const number = events.filter((event) => event.kind === kind).length;
      counts[kind].textContent = number;
      root.children[place].setAttribute('aria-pressed', !state.hiddenKinds.has(kind));
      root.children[place].classList.toggle('hidden', kind === 'neutral' && !number);
    }) };
  };

  const open = (main, video) => {
    let events = [], shown = [], time = 0, frame = null;
    const clock = element('span', { class: 'clock' }), happening = element('ul');
    const player = filePlayer(video, (now) => setTime(now, player.playing()));
    const line = Timeline.create(video, (second) => seek(second));
    const table = eventTable((event) => pick(event));
    const kinds = legend(video);
    const left = element('p', { class: 'hint' });

    const tellNow = () => {
      clock.textContent = `${Model.clock(time, 2)} / ${Model.clock(video.length, 1)}`;
      const now = shown.filter((event) => event.start <= time && time < event.end)
        .sort((a, b) => b.true - a.true).slice(0, 40);
      happening.replaceChildren(...now.map((event) => element('li', {}, mark(event.kind), text(Model.name(event.label)),
        element('span', {}, KINDS[event.kind] + (event.score === null ? '' : ` ${event.score.toFixed(2)}`)))));
      if (!now.length) happening.append(element('li', { class: 'soft' }, 'nothing'));
    };
    const setTime = (now, follow = false) => {
      time = Math.min(Math.max(now, 0), video.length);
      line.setTime(time, follow);
      tellNow();
    };
    const seek = (second) => {
      player.seek(second);
      setTime(second, true);
    };
    const pick = (event) => {
      line.select(event);
      seek(event.start);
    };
    const step = (back) => {
      const near = 1e-3; // where the player stands may be rounded
      const later = shown.filter((event) => (back ? event.start < time - near : event.start > time + near));
      if (later.length) pick(back ? later[later.length - 1] : later[0]);
    };
    const tick = () => { // smooth while it plays; timeupdate alone comes four times a second
      if (player.playing()) setTime(player.time(), true);
      frame = requestAnimationFrame(tick);
    };

    const update = () => {
      events = Model.eventsOf(video, state).sort((a, b) => a.start - b.start || a.end - b.end);
      shown = events.filter((event) => !state.hiddenKinds.has(event.kind));
      line.update(events);
      kinds.fill(events);
      table.fill(shown);
      left.textContent = line.numLeft() ? `Not drawn: ${line.numLeft()} events that overlap many surer ones of their class; the table has them.` : '';
      setTime(time);
    };
    const button = (name, label, action) => element('button', { type: 'button', 'aria-label': label, title: label, onclick: action }, name);
    const places = [video.place - 1, video.place + 1].map((place) => Model.videos[place]);
    const notes = [video.subset, `${Model.clock(video.length, 1)} long`, !Model.hasTruth || video.judged ? null : 'no truth for this video', video.note];
    main.replaceChildren(
      element('nav', { class: 'crumbs', 'aria-label': 'Videos' }, element('a', { href: '#/', class: 'home' }, '← ', text(Model.content.title)),
        ...places.map((other, next) => (other ? element('a', { href: `#/video/${other.place}`, rel: next ? 'next' : 'prev', title: other.id }, next ? 'next video' : 'previous video') : ''))),
      element('h1', {}, text(video.id)),
      element('p', { class: 'soft notes' }, text(notes.filter(Boolean).join(' · '))),
      element('div', { class: 'watch' }, player.root, element('section', { class: 'now', 'aria-label': 'Now' }, clock, happening)),
      element('section', { class: 'card', 'aria-label': 'Timeline' },
        element('header', {}, kinds.root, element('span', { class: 'spacer' }), element('div', { class: 'zoom', role: 'group', 'aria-label': 'Zoom' },
          button('−', 'Zoom out (−)', () => line.zoom(2)), button('+', 'Zoom in (+)', () => line.zoom(0.5)), button('All', 'Whole video (0)', () => line.all()),
          button('‹', 'Previous event (p)', () => step(true)), button('›', 'Next event (n)', () => step(false)))),
        line.root),
      left,
      element('section', { class: 'card' }, element('header', {}, element('h2', {}, 'Events')), ...table.parts));
    line.root.append(element('p', { class: 'hint' }, 'Click to seek, drag to move, wheel or pinch to zoom, ? for keys.'));
    const stopListening = onChange(update);
    update();
    tick();

    const KEYS = {
      ' ': () => player.toggle(),
      ArrowLeft: (event) => seek(time - (event.shiftKey ? FINE_STEP_SEC : STEP_SEC)),
      ArrowRight: (event) => seek(time + (event.shiftKey ? FINE_STEP_SEC : STEP_SEC)),
      Home: () => seek(0),
      End: () => seek(video.length),
      '+': () => line.zoom(0.5),
      '=': () => line.zoom(0.5),
      '-': () => line.zoom(2),
      0: () => line.all(),
      n: () => step(false),
      p: () => step(true),
    };
    return {
      key: (event) => {
        if (!KEYS[event.key]) return false;
        KEYS[event.key](event);
        return true;
      },
      probe: () => ({ time, ...line.view, ...line.probe() }),
      line,
      close: () => {
        stopListening();
        cancelAnimationFrame(frame);
        table.stop();
        player.close();
        line.close();
      },
    };
  };

  return { open };
})();
