'use strict';
// How the events of a video lie in rows and lanes, and how each is drawn.
const Bars = (() => {
  const { colours } = Page;
  const LANE = 15, BAR = 12, PAD = 5, AXIS = 26, NAME = 16, MAX_LANES = 8;

  // The lane of each event, the surest or earliest first; -1 beyond MAX_LANES. Lanes are kept in order of time.
  const stack = (events) => {
    const lanes = [];
    const place = (lane, start) => {
      let low = 0, high = lane.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (lane[middle].start < start) low = middle + 1;
        else high = middle;
      }
      return low;
    };
    for (const event of [...events].sort((a, b) => (b.score ?? 0) - (a.score ?? 0) || a.start - b.start)) {
      event.lane = -1;
      for (let number = 0; number < MAX_LANES && event.lane < 0; number++) {
        const lane = lanes[number] || (lanes[number] = []);
        const at = place(lane, event.start);
        const free = (at === 0 || lane[at - 1].end <= event.start) && (at === lane.length || lane[at].start >= event.end);
        if (free) {
          lane.splice(at, 0, event);
          event.lane = number;
        }
      }
    }
    return lanes.length;
  };

  // Rows of classes in the order in which they begin, each with the true events above the predictions.
  const layOut = (events, narrow) => {
    const groups = new Map();
    for (const event of events) {
      if (!groups.has(event.label)) groups.set(event.label, []);
      groups.get(event.label).push(event);
    }
    const first = (group) => group.reduce((least, event) => Math.min(least, event.true || !Model.hasTruth ? event.start : Infinity), Infinity);
    const sorted = [...groups].map(([label, group]) => ({ label, group, first: first(group) }))
      .sort((a, b) => a.first - b.first || a.label - b.label);
    let top = AXIS;
    const rows = sorted.map(({ label, group }) => {
      const row = { label, top, bars: top + PAD + (narrow ? NAME : 0) };
      const trueLanes = stack(group.filter((event) => event.true));
      const lanes = trueLanes + stack(group.filter((event) => !event.true));
      for (const event of group) {
        if (event.lane >= 0) event.y = row.bars + LANE * (event.lane + (event.true ? 0 : trueLanes));
      }
      row.left = group.filter((event) => event.lane < 0).length;
      row.bottom = top = row.bars + LANE * lanes + PAD;
      return row;
    });
    return { rows, height: Math.max(top, AXIS + 40) };
  };

  const hatch = (context, colour) => {
    const tile = document.createElement('canvas');
    tile.width = tile.height = 6;
    const pen = tile.getContext('2d');
    pen.strokeStyle = colour;
    pen.lineWidth = 1.4;
    for (const shift of [-6, 0, 6]) {
      pen.beginPath();
      pen.moveTo(shift, 6);
      pen.lineTo(shift + 6, 0);
      pen.stroke();
    }
    return context.createPattern(tile, 'repeat');
  };
  const MARKS = { found: '✓', hit: '✓', missed: '○', false: '✕' };

  // One event; false alarms are dashed, missed events hatched, and the surer a prediction the stronger its colour.
  const draw = (pen, event, x, width, hatched) => {
    const { kind, y } = event, colour = colours[kind];
    const strength = event.score === null ? 1 : 0.4 + 0.6 * Math.min(1, Math.max(0, event.score));
    pen.fillStyle = pen.strokeStyle = colour;
    pen.lineWidth = 1.5;
    if (kind !== 'missed' && kind !== 'false') {
      pen.globalAlpha = strength;
      if (event.true || width < 5) pen.fillRect(x, y, width, BAR);
      else {
        pen.beginPath();
        pen.roundRect(x, y, width, BAR, Math.min(BAR, width) / 2);
        pen.fill();
      }
    } else if (width < 7) { // too small for a pattern
      pen.globalAlpha = 0.3;
      pen.fillRect(x, y, width, BAR);
      pen.globalAlpha = 1;
      pen.fillRect(x, y, width, kind === 'missed' ? 3 : 1.5);
      pen.fillRect(x, y + BAR - (kind === 'missed' ? 3 : 1.5), width, kind === 'missed' ? 3 : 1.5);
    } else {
      pen.globalAlpha = kind === 'missed' ? 0.85 : 0.25 * strength + 0.05;
      pen.fillStyle = kind === 'missed' ? hatched : colour;
      pen.fillRect(x, y, width, BAR);
      pen.globalAlpha = 1;
      pen.setLineDash(kind === 'false' ? [4, 2.5] : []);
      pen.strokeRect(x + 0.75, y + 0.75, width - 1.5, BAR - 1.5);
      pen.setLineDash([]);
    }
    pen.globalAlpha = 1;
    if (width < 20 || !MARKS[kind]) return;
    if (kind === 'missed') { // a plain ground for the mark
      pen.fillStyle = colours.card;
      pen.fillRect(x + 3, y + 1.5, 12, BAR - 3);
    }
    pen.fillStyle = kind === 'missed' ? colour : kind === 'false' ? colours.text : colours.card;
    const score = event.score !== null && width > 46 ? ` ${event.score.toFixed(2)}` : '';
    pen.fillText(MARKS[kind] + score, x + 5, y + BAR / 2 + 0.5);
  };

  // The log-mel energies (bands × columns) in the colours of the theme.
  const picture = (sound) => {
    const columns = sound.mel.length / sound.bands;
    const canvas = document.createElement('canvas');
    canvas.width = columns;
    canvas.height = sound.bands;
    const pen = canvas.getContext('2d'), image = pen.createImageData(columns, sound.bands);
    const [low, high] = [colours['mel-low'], colours['mel-high']].map((name) => name.split(',').map(Number));
    for (let column = 0; column < columns; column++)
      for (let band = 0; band < sound.bands; band++) {
        const level = sound.mel[column * sound.bands + band] / 255;
        const at = 4 * ((sound.bands - 1 - band) * columns + column);
        for (let k = 0; k < 3; k++) image.data[at + k] = low[k] + (high[k] - low[k]) * level;
        image.data[at + 3] = 255;
      }
    pen.putImageData(image, 0, 0);
    return canvas;
  };

  return { AXIS, BAR, layOut, hatch, draw, picture };
})();
