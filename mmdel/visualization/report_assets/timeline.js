'use strict';
// The zoomable timeline of one video: rows of classes, the sound below, and a playhead. Drawn on uPlot's canvases.
const Timeline = (() => {
  const { element, text, state, colours } = Page;
  const { AXIS, BAR } = Bars, WAVE = 44, MEL = 56, MIN_BAR = 3, MIN_SPAN_SEC = 0.2, DRAG_PIXELS = 4;

  const create = (video, onSeek) => {
    const sound = Model.soundOf(video);
    const gutter = element('div', { class: 'gutter', 'aria-hidden': 'true' });
    const playhead = element('div', { class: 'playhead' });
    const tip = element('div', { class: 'tip hidden' });
    const plots = element('div', { class: 'plots', role: 'slider', tabindex: '0', 'aria-label': 'Time in the video',
      'aria-valuemin': '0', 'aria-valuemax': video.length.toFixed(2) });
    const strip = element('canvas', { class: 'mini', 'aria-hidden': 'true' });
    const frame = element('div', { class: 'frame' }, gutter, plots);
    const root = element('div', { class: 'timeline' }, strip, frame);
    const view = { min: 0, max: video.length };
    let events = [], shown = [], layout = { rows: [], height: AXIS + 40 }, time = 0, charts = [], mel = null, hatches = null;
    let selected = null, scheduled = false, framesDrawn = 0, theme = null;

    const common = (height, hooks, axis) => ({
      width: Math.max(plots.clientWidth, 50), height, padding: [0, 0, 0, 0], legend: { show: false }, pxAlign: 0,
      cursor: { show: false, drag: { x: false, y: false } }, select: { show: false },
      scales: { x: { time: false, range: () => [view.min, view.max] }, y: { range: [0, 1] } },
      axes: [axis || { show: false }, { show: false }], series: [{}, { show: false }], hooks,
    });
    const axis = () => ({
      side: 0, size: AXIS, gap: 3, align: 1, stroke: () => colours.soft, font: '12px system-ui, sans-serif', space: 70,
      grid: { stroke: () => colours.line, width: 1 }, ticks: { show: false },
      values: (chart, splits, _axis, _space, step) => splits.map((value) => ` ${Model.clock(value, step < 0.1 ? 2 : step < 1 ? 1 : 0)}`),
    });

    // Drawn in CSS pixels: uPlot's canvas is scaled once.
    const scaled = (chart, draw) => {
      const ratio = chart.pxRatio || uPlot.pxRatio, pen = chart.ctx;
      pen.save();
      pen.scale(ratio, ratio);
      draw(pen, chart.width);
      pen.restore();
    };
    const drawRows = (chart) => scaled(chart, (pen, width) => {
      layout.rows.forEach((row, place) => {
        if (place % 2) return;
        pen.globalAlpha = 0.55;
        pen.fillStyle = colours.shade;
        pen.fillRect(0, row.top, width, row.bottom - row.top);
        pen.globalAlpha = 1;
      });
    });
    const drawEvents = (chart) => scaled(chart, (pen, width) => {
      const perSecond = width / (view.max - view.min);
      pen.font = '600 10px system-ui, sans-serif';
      pen.textBaseline = 'middle';
      pen.textAlign = 'left';
      framesDrawn++;
      for (const event of shown) {
        if (event.lane < 0 || event.end < view.min || event.start > view.max) continue;
        const wide = Math.max(MIN_BAR, (event.end - event.start) * perSecond);
        const left = Math.max(-20, (event.start - view.min) * perSecond);
        const right = Math.min(width + 20, (event.start - view.min) * perSecond + wide);
        Bars.draw(pen, event, left, right - left, hatches);
        if (event === selected) {
          pen.strokeStyle = colours.text;
          pen.lineWidth = 1.5;
          pen.strokeRect(left - 2, event.y - 2, right - left + 4, BAR + 4);
        }
      }
    });
    const drawWave = (chart) => scaled(chart, (pen, width) => {
      const columns = sound.peaks.length / 2, step = sound.columnSec, middle = WAVE / 2;
      pen.fillStyle = colours.wave;
      const perSecond = width / (view.max - view.min);
      const level = (value) => Math.sign(value) * Math.sqrt(Math.abs(value) / 127) * (middle - 2); // quiet speech is seen
      pen.beginPath();
      let last = -1, low = 0, high = 0;
      const from = Math.max(0, Math.floor(view.min / step)), to = Math.min(columns, Math.ceil(view.max / step) + 1);
      for (let column = from; column < to; column++) {
        const x = Math.floor((column * step - view.min) * perSecond);
        if (x !== last) [last, low, high] = [x, 127, -127];
        low = Math.min(low, sound.peaks[2 * column]);
        high = Math.max(high, sound.peaks[2 * column + 1]);
        const next = Math.floor(((column + 1) * step - view.min) * perSecond);
        if (next !== x) pen.rect(x, middle - level(high), next - x, Math.max(1, level(high) - level(low)));
      }
      pen.fill();
    });
    const drawMel = (chart) => scaled(chart, (pen, width) => {
      mel = mel || Bars.picture(sound);
      const columns = mel.width, from = view.min / sound.columnSec, size = (view.max - view.min) / sound.columnSec;
      pen.imageSmoothingEnabled = size > width / 4;
      const share = Math.min(1, (columns - from) / size);
      if (share > 0) pen.drawImage(mel, from, 0, size * share, mel.height, 0, 2, width * share, MEL - 2);
    });

    const build = () => {
      const data = [[0, video.length], [null, null]];
      charts = [new uPlot(common(layout.height, { drawClear: [drawRows], draw: [drawEvents] }, axis()), data, plots)];
      if (sound) {
        charts.push(new uPlot(common(WAVE, { draw: [drawWave] }), data, plots));
        charts.push(new uPlot(common(MEL, { draw: [drawMel] }), data, plots));
      }
      plots.append(playhead, tip);
      hatches = Bars.hatch(charts[0].ctx, colours.missed);
    };
    const names = () => {
      const narrow = Page.mini.matches;
      const at = (node, top) => { node.style.top = `${top}px`; return node; };
      const made = layout.rows.map((row) => {
        const node = element('div', {}, text(Model.name(row.label)), row.left ? ` +${row.left}` : '');
        node.title = Model.name(row.label) + (row.left ? `, and ${row.left} more that overlap surer ones` : '');
        return at(node, narrow ? row.top + 3 : (row.top + row.bottom) / 2 - 8);
      });
      if (sound && !narrow) {
        made.push(at(element('div', { class: 'sound' }, 'waveform'), layout.height + WAVE / 2 - 8));
        made.push(at(element('div', { class: 'sound' }, 'log-mel'), layout.height + WAVE + MEL / 2 - 8));
      }
      gutter.replaceChildren(...made);
    };

    const movePlayhead = () => {
      const share = (time - view.min) / (view.max - view.min);
      playhead.classList.toggle('hidden', share < 0 || share > 1);
      playhead.style.transform = `translateX(${share * plots.clientWidth}px)`;
      plots.setAttribute('aria-valuenow', time.toFixed(2));
      plots.setAttribute('aria-valuetext', Model.clock(time, 1));
    };
    const drawStrip = () => {
      Page.drawStrip(strip, video, shown);
      const pen = strip.getContext('2d'), width = strip.clientWidth, height = strip.clientHeight;
      const [left, right] = [view.min, view.max].map((value) => (value / video.length) * width);
      pen.fillStyle = colours.card;
      pen.globalAlpha = 0.65;
      pen.fillRect(0, 0, left, height);
      pen.fillRect(right, 0, width - right, height);
      pen.globalAlpha = 1;
      pen.strokeStyle = colours.soft;
      pen.lineWidth = 1.5;
      if (right - left < width - 1) pen.strokeRect(left + 0.75, 0.75, right - left - 1.5, height - 1.5);
    };
    const draw = () => {
      if (scheduled) return;
      scheduled = true;
      requestAnimationFrame(() => {
        scheduled = false;
        charts.forEach((chart) => chart.setScale('x', { min: view.min, max: view.max }));
        drawStrip();
        movePlayhead();
      });
    };

    const show = (min, span) => {
      const size = Math.min(Math.max(span, MIN_SPAN_SEC), video.length);
      view.min = Math.min(Math.max(0, min), video.length - size);
      view.max = view.min + size;
      draw();
    };
    const zoom = (factor, around = time >= view.min && time <= view.max ? time : (view.min + view.max) / 2) => {
      const span = Math.min(Math.max((view.max - view.min) * factor, MIN_SPAN_SEC), video.length);
      show(around - ((around - view.min) / (view.max - view.min)) * span, span);
    };
    const pan = (share) => show(view.min + share * (view.max - view.min), view.max - view.min);
    const all = () => show(0, video.length);

    const rebuild = () => {
      shown = events.filter((event) => !state.hiddenKinds.has(event.kind));
      layout = Bars.layOut(shown, Page.mini.matches);
      if (!charts.length) build();
      if (theme !== document.documentElement.dataset.theme) {
        theme = document.documentElement.dataset.theme;
        mel = null;
        hatches = Bars.hatch(charts[0].ctx, colours.missed);
      }
      charts.forEach((chart, place) => {
        chart.setSize({ width: plots.clientWidth, height: place ? chart.height : layout.height });
        chart.redraw(false, true);
      });
      names();
      draw();
    };
    const update = (now) => {
      events = now;
      selected = selected && events.find((event) => event.true === selected.true && event.row === selected.row);
      rebuild();
    };

    const secondAt = (event) => view.min + ((event.clientX - plots.getBoundingClientRect().left) / plots.clientWidth) * (view.max - view.min);
    const eventAt = (event) => {
      const bounds = plots.getBoundingClientRect(), second = secondAt(event), y = event.clientY - bounds.top;
      const slack = (4 / plots.clientWidth) * (view.max - view.min);
      return shown.filter((one) => one.lane >= 0 && y >= one.y - 1 && y <= one.y + BAR + 1 &&
        second >= one.start - slack && second <= one.end + slack).pop() || null;
    };

    Gestures.attach(plots, { secondAt, view, show, zoom, pan, DRAG_PIXELS,
      click: (event) => {
        const hit = eventAt(event);
        if (hit) selected = hit;
        onSeek(Math.min(Math.max(secondAt(event), 0), video.length), hit);
        draw();
      },
      double: (event) => {
        const hit = eventAt(event);
        if (hit) show(hit.start - (hit.end - hit.start), 3 * (hit.end - hit.start));
        else all();
      },
      hover: (event) => {
        const hit = event && eventAt(event);
        tip.classList.toggle('hidden', !hit);
        if (!hit) return;
        const bounds = plots.getBoundingClientRect();
        tip.replaceChildren(text(Model.name(hit.label)), element('br'),
          `${Page.KINDS[hit.kind]}${hit.score === null ? '' : `, score ${hit.score.toFixed(3)}`}`, element('br'),
          `${Model.clock(hit.start, 2)} – ${Model.clock(hit.end, 2)}`);
        const left = Math.min(event.clientX - bounds.left + 12, plots.clientWidth - tip.offsetWidth - 4);
        tip.style.transform = `translate(${Math.max(0, left)}px, ${hit.y + BAR + 6}px)`;
      },
    });
    const jump = (event) => {
      const middle = ((event.clientX - strip.getBoundingClientRect().left) / strip.clientWidth) * video.length;
      show(middle - (view.max - view.min) / 2, view.max - view.min);
    };
    strip.addEventListener('pointerdown', (event) => {
      strip.setPointerCapture(event.pointerId);
      jump(event);
    });
    strip.addEventListener('pointermove', (event) => { if (event.buttons) jump(event); });
    const resized = new ResizeObserver(() => {
      if (charts.length && Math.abs(charts[0].width - plots.clientWidth) >= 1) rebuild();
    });
    resized.observe(plots);

    return { root, update, zoom, pan, all, show, view,
      setTime: (now, follow) => {
        time = now;
        if (follow && (time > view.max || time < view.min)) show(time - 0.05 * (view.max - view.min), view.max - view.min);
        else movePlayhead();
      },
      select: (event) => {
        selected = event;
        if (event.start < view.min || event.start > view.max) show(event.start - (view.max - view.min) / 2, view.max - view.min);
        draw();
      },
      numLeft: () => layout.rows.reduce((sum, row) => sum + row.left, 0),
      probe: () => ({ framesDrawn, shown: shown.map(({ true: isTrue, row, label, kind, lane, start, end, y }) => ({ isTrue, row, label, kind, lane, start, end, y })) }),
      close: () => { resized.disconnect(); charts.forEach((chart) => chart.destroy()); } };
  };

  return { create };
})();
