'use strict';
// Mouse, touch and wheel on the timeline: a click seeks, a drag pans, a wheel or a pinch zooms.
const Gestures = (() => {
  const attach = (area, { secondAt, view, show, zoom, pan, DRAG_PIXELS, click, double, hover }) => {
    const pointers = new Map();
    let began = null, moved = false;
    const middle = () => {
      const points = [...pointers.values()];
      const x = points.reduce((sum, point) => sum + point.clientX, 0) / points.length;
      const gap = points.length > 1 ? Math.max(10, Math.abs(points[0].clientX - points[1].clientX)) : 0;
      return { clientX: x, gap };
    };
    const begin = () => {
      const now = middle();
      began = { x: now.clientX, gap: now.gap, second: secondAt(now), min: view.min, span: view.max - view.min };
    };
    area.addEventListener('pointerdown', (event) => {
      if (event.button) return;
      area.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, event);
      if (pointers.size === 1) moved = false;
      else moved = true;
      begin();
    });
    area.addEventListener('pointermove', (event) => {
      if (!pointers.has(event.pointerId)) {
        if (event.pointerType === 'mouse') hover(event);
        return;
      }
      pointers.set(event.pointerId, event);
      const now = middle();
      if (Math.abs(now.clientX - began.x) > DRAG_PIXELS) moved = true;
      if (!moved) return;
      hover(null);
      area.classList.add('panning');
      const span = now.gap && began.gap ? (began.span * began.gap) / now.gap : began.span;
      const share = (now.clientX - area.getBoundingClientRect().left) / area.clientWidth;
      show(began.second - share * span, span); // what was under the fingers stays there
    });
    const end = (event) => {
      if (!pointers.delete(event.pointerId)) return;
      if (pointers.size) begin();
      else {
        area.classList.remove('panning');
        if (!moved && event.type === 'pointerup') click(event);
      }
    };
    area.addEventListener('pointerup', end);
    area.addEventListener('pointercancel', end);
    area.addEventListener('pointerleave', () => hover(null));
    area.addEventListener('dblclick', double);
    area.addEventListener('wheel', (event) => {
      const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1; // lines and pages as pixels
      const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
      if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) pan((sideways * unit) / area.clientWidth);
      else {
        const before = view.max - view.min;
        zoom(Math.exp(event.deltaY * unit * 0.002), secondAt(event));
        if (view.max - view.min === before) return; // at the end of the zoom the page scrolls
      }
      event.preventDefault();
    }, { passive: false });
  };
  return { attach };
})();
