'use strict';
// The data of the report, and what counts as what at the present threshold. Nothing here touches the page.
const Model = (() => {
  const read = (id) => {
    const block = document.getElementById(id);
    return block && JSON.parse(block.textContent);
  };
  const column = (text, Type) => {
    const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
    return new Type(bytes.buffer);
  };
  const table = (texts) => ({
    begin: column(texts.begin, Int32Array),
    label: column(texts.label, Int32Array),
    start: column(texts.start, Float64Array),
    end: column(texts.end, Float64Array),
    score: texts.score === undefined ? null : column(texts.score, Float64Array),
  });

  const content = read('content');
  const { videos, labels, tious } = content;
  const truth = table(content.truth), predicted = table(content.predicted);
  const matches = (content.matches || []).map((text) => column(text, Int32Array));
  const NEUTRAL = -2;
  // The score down to which a true event is found: that of the one prediction that took it.
  const foundAt = matches.map((taken) => {
    const scores = new Float64Array(truth.label.length).fill(-Infinity);
    taken.forEach((place, row) => { if (place >= 0) scores[place] = predicted.score[row]; });
    return scores;
  });
  videos.forEach((video, place) => {
    video.place = place;
    let last = 0;
    for (const rows of [truth, predicted])
      for (let row = rows.begin[place]; row < rows.begin[place + 1]; row++) last = Math.max(last, rows.end[row]);
    video.length = Math.max(video.duration || 0, last) || 1;
  });

  const hasTruth = matches.length > 0, hasScores = predicted.score !== null;
  let topScore = 1;
  if (hasScores) predicted.score.forEach((score) => { if (score > topScore && score < Infinity) topScore = score; });
  const name = (label) => (label < 0 ? 'no label' : labels[label]);

  const ofTruth = (row, state) => {
    if (truth.label[row] < 0) return 'neutral';
    return foundAt[state.tiou][row] >= state.threshold ? 'found' : 'missed';
  };
  // Of a prediction at or above the threshold.
  const ofPrediction = (row, video, state) => {
    if (!hasTruth || !video.judged) return 'plain';
    const taken = matches[state.tiou][row];
    return taken >= 0 ? 'hit' : taken === NEUTRAL ? 'neutral' : 'false';
  };

  // The events of a video that the threshold and the classes let through.
  const eventsOf = (video, state) => {
    const events = [];
    for (let row = truth.begin[video.place]; row < truth.begin[video.place + 1]; row++)
      if (!state.hiddenLabels.has(truth.label[row]))
        events.push({ true: true, row, label: truth.label[row], start: truth.start[row], end: truth.end[row],
          score: null, kind: ofTruth(row, state) });
    for (let row = predicted.begin[video.place]; row < predicted.begin[video.place + 1]; row++)
      if (!state.hiddenLabels.has(predicted.label[row]) && !(hasScores && predicted.score[row] < state.threshold))
        events.push({ true: false, row, label: predicted.label[row], start: predicted.start[row],
          end: predicted.end[row], score: hasScores ? predicted.score[row] : null,
          kind: ofPrediction(row, video, state) });
    return events;
  };

  // Counts of all videos and classes at once: {true, predicted, hit, false, missed}.
  const zeros = () => ({ true: 0, predicted: 0, hit: 0, false: 0, missed: 0 });
  const count = (state) => {
    const ofVideo = videos.map(zeros), ofLabel = labels.map(zeros), total = zeros();
    const add = (place, label, field) => {
      ofVideo[place][field]++;
      total[field]++;
      if (label >= 0) ofLabel[label][field]++;
    };
    videos.forEach((video, place) => {
      for (let row = truth.begin[place]; row < truth.begin[place + 1]; row++) {
        const label = truth.label[row];
        if (label < 0 || state.hiddenLabels.has(label)) continue;
        add(place, label, 'true');
        if (hasTruth && foundAt[state.tiou][row] < state.threshold) add(place, label, 'missed');
      }
      for (let row = predicted.begin[place]; row < predicted.begin[place + 1]; row++) {
        const label = predicted.label[row];
        if (state.hiddenLabels.has(label) || (hasScores && predicted.score[row] < state.threshold)) continue;
        add(place, label, 'predicted');
        const kind = ofPrediction(row, video, state);
        if (kind === 'hit' || kind === 'false') add(place, label, kind);
      }
    });
    return { ofVideo, ofLabel, total };
  };

  // The mean of the average precision over the classes shown that have truth; null if there is none.
  const meanPrecision = (state) => {
    if (!content.ap) return null;
    const known = content.ap[state.tiou].filter((ap, label) => ap !== null && !state.hiddenLabels.has(label));
    return known.length ? known.reduce((sum, ap) => sum + ap, 0) / known.length : null;
  };

  const soundOf = (video) => {
    const sound = read(`sound-${video.place}`);
    return sound && { columnSec: sound.column_sec, bands: sound.bands, peaks: column(sound.peaks, Int8Array),
      mel: column(sound.mel, Uint8Array) };
  };

  const clock = (seconds, digits = 0) => {
    const whole = Math.max(0, seconds), unit = 10 ** digits, all = Math.round(whole * unit) / unit;
    const hours = Math.floor(all / 3600), minutes = Math.floor(all / 60) % 60, rest = (all % 60).toFixed(digits);
    const pad = (text, size) => String(text).padStart(size, '0');
    return (hours ? `${hours}:${pad(minutes, 2)}` : minutes) + `:${pad(rest, digits ? digits + 3 : 2)}`;
  };

  return { content, videos, labels, tious, hasTruth, hasScores, topScore, name, eventsOf, count, meanPrecision, soundOf,
    clock };
})();
