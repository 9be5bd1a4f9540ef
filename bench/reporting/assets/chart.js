/* <bench-chart data-chart="…">SVG</bench-chart>: on screen a zoomable uPlot stands in for the SVG; print shows the SVG.
   pytest-html builds its rows anew at each click, so elements come and go: each draws itself when it comes into view. */
(() => {
  'use strict';
  if (customElements.get('bench-chart')) return;
  const X_STEPS = 2 ** 24, Y_STEPS = 2 ** 16, GAP = Y_STEPS - 1, LANES = 4, LANE = 14;
  const zooms = new Map(), decoded = new Map();
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const font = (bold) => `${bold ? 'bold ' : ''}12px system-ui, sans-serif`;
  const show = (v) => (v == null ? '–' : String(+v.toPrecision(5))).replace('-', '−');

  const decades = ({ min, max }) => {   // ticks of a logarithmic axis, whose values are decimal logarithms: as in scales.py
    const found = [], factors = max - min < 2.5 ? [1, 2, 5] : [1];
    for (let power = Math.floor(min); power <= max; power++) for (const factor of factors) {
      const at = power + Math.log10(factor);
      if (at >= min && at <= max) found.push(at);
    }
    return found;
  };

  const inflate = async (text) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };

  const decode = async (text) => {
    const data = await inflate(text);
    const length = new DataView(data.buffer).getUint32(0, true);
    const figure = JSON.parse(new TextDecoder().decode(data.subarray(4, 4 + length)));
    let at = 4 + length;
    const codes = (n, size, steps) => {
      const out = new Float64Array(n);
      for (let i = 0, sum = 0; i < n; i++) {
        let difference = 0;
        for (let plane = 0; plane < size; plane++) difference += data[at + plane * n + i] * 256 ** plane;
        out[i] = sum = (sum + difference) % steps;
      }
      at += n * size;
      return out;
    };
    for (const s of figure.series) {
      s.xs = Array.from(codes(s.n, 3, X_STEPS), (c) => s.x0 + c * s.dx);
      s.ys = Array.from(codes(s.n, 2, Y_STEPS), (c) => (c === GAP ? null : s.y0 + c * s.dy));
      const least = (figure.x[1] - figure.x[0]) * 1e-9;   // uPlot would merge points of one x and lose extremes
      for (let i = 1; i < s.n; i++) if (s.xs[i] <= s.xs[i - 1]) s.xs[i] = s.xs[i - 1] + least;
    }
    return figure;
  };

  const barPaths = (s) => (u, index, from, to) => {
    const path = new Path2D(), [offset, width] = s.bar;
    const zero = u.valToPos(0, 'y', true);
    for (let i = from; i <= to; i++) {
      const y = u.data[index][i];
      if (y == null) continue;
      const left = u.valToPos(u.data[0][i] + offset - width / 2, 'x', true);
      const right = u.valToPos(u.data[0][i] + offset + width / 2, 'x', true);
      const top = u.valToPos(y, 'y', true);
      path.rect(left, Math.min(top, zero), right - left, Math.abs(zero - top));
    }
    return { stroke: path, fill: path, flags: 0 };
  };

  /* Lanes for mark labels: the same rule as layout.py, for the marks in view. */
  const meet = (a, b) => {
    if (a.lane === b.lane) return a.from < b.to + 3 && b.from < a.to + 3;
    const [high, low] = a.lane > b.lane ? [a, b] : [b, a];
    return low.from - 1 <= high.x && high.x <= low.to + 1;
  };
  const place = (marks, right, measure) => {
    const placed = [];
    for (const mark of [...marks].reverse()) {
      const width = measure(mark.text) + 4, leftwards = mark.x + width > right;
      const from = leftwards ? mark.x - width : mark.x, to = leftwards ? mark.x : mark.x + width;
      let lane = 0;
      while (lane < LANES && placed.some((other) => other.lane !== null && meet({ x: mark.x, from, to, lane }, other))) lane++;
      placed.push({ ...mark, from, to, leftwards, lane: lane < LANES && from >= 0 ? lane : null });
    }
    return placed;
  };
  const lanesFor = (figure, toX, from, to, right, measure) => {
    const inView = figure.marks.map(([value, ...texts]) => ({ x: toX(value), texts }))
      .filter((mark) => mark.x >= from - .5 && mark.x <= to + .5);
    let placed = [], form = 0;
    for (; form < 3; form++) {   // the label, a number where labels repeat, numbers only
      placed = place(inView.map((mark) => ({ ...mark, text: mark.texts[form] })), right, measure);
      if (placed.every((mark) => mark.lane !== null)) break;
    }
    return Object.assign(placed, { labelled: form === 0 });
  };

  class BenchChart extends HTMLElement {
    connectedCallback() {
      if (!this.dataset.chart || typeof DecompressionStream === 'undefined') return;
      this.near = new IntersectionObserver((seen) => seen.some((e) => e.isIntersecting) && this.draw(), { rootMargin: '400px' });
      this.near.observe(this);
      this.resized = new ResizeObserver(() => this.fit());
      this.resized.observe(this);
      this.repaint = () => { if (this.plot) { this.clear(); this.draw(); } };
      dark.addEventListener('change', this.repaint);
    }

    disconnectedCallback() {
      this.near?.disconnect();
      this.resized?.disconnect();
      dark.removeEventListener('change', this.repaint);
      this.clear();
    }

    clear() {
      this.plot?.destroy();
      this.screen?.remove();
      this.plot = this.screen = null;
      this.classList.remove('drawn');
    }

    async draw() {
      if (this.plot || this.drawing) return;
      this.drawing = true;
      try {
        const key = this.dataset.chart;
        if (!decoded.has(key)) decoded.set(key, decode(key));
        const figure = await decoded.get(key);
        if (this.isConnected) this.build(figure);
      } catch (problem) {
        console.warn('bench-chart: the drawing stays as it is:', problem);   // the SVG says the same
      } finally {
        this.drawing = false;
      }
    }

    height() {
      const svg = this.querySelector('svg').viewBox.baseVal;
      return Math.round(Math.min(Math.max(this.clientWidth * svg.height / svg.width - 26, 230), 420));
    }

    build(figure) {
      const style = getComputedStyle(this), colour = (n) => style.getPropertyValue(`--k${n}`).trim();
      const ink = style.getPropertyValue('--ink').trim(), grid = style.getPropertyValue('--grid').trim();
      this.ink = ink;
      this.frameColour = colour(6);
      this.figure = figure;
      this.whole = { min: figure.x[0], max: figure.x[1] };
      this.view = figure.x;
      const zoom = zooms.get(this.dataset.key);
      const context = document.createElement('canvas').getContext('2d');
      const measure = (text, bold) => { context.font = font(bold); return context.measureText(text).width; };
      this.measure = measure;
      const ruleRoom = Math.max(0, ...figure.rules.map(([, label]) => Math.min(measure(label), 190) + 12));
      const guess = this.clientWidth - 60 - ruleRoom;
      const toX = (v) => 60 + (v - figure.x[0]) / (figure.x[1] - figure.x[0]) * guess;
      const lanes = lanesFor(figure, toX, 60, 60 + guess, this.clientWidth, measure).map((m) => m.lane ?? 0);
      const top = 8 + (lanes.length ? (Math.max(...lanes) + 1) * LANE : 0) + (figure.simulated ? LANE : 0);
      const data = uPlot.join(figure.series.map((s) => [s.xs, s.ys]));
      const dashes = { limit: [6, 4], nominal: [2, 3], envelope: [5, 3] };
      const edges = new Map(figure.bands.flatMap(([low, high]) => (
        figure.series[low].label === figure.series[high].label ? [[low, ', lower'], [high, ', upper']] : [])));
      const [logX, logY] = figure.logs;
      const showY = (v) => (logY && v != null ? show(10 ** v) : show(v));
      const series = figure.series.map((s, i) => ({
        label: s.label + (edges.get(i) ?? ''),
        stroke: colour(s.colour),
        width: 1.5,
        value: (_, v) => showY(v),
        ...(dashes[s.role] ? { dash: dashes[s.role] } : {}),
        ...(s.style === 'step' ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
        ...(s.style === 'bars' ? { paths: barPaths(s), fill: colour(s.colour) + 'bf', width: 0, points: { show: false } } : {}),
        ...(s.style === 'points' ? { paths: () => null, points: { show: true, size: s.n > 60 ? 5 : 7, fill: colour(s.colour), width: 0 } } : {}),
        ...(s.style === 'line' && s.n <= 40 ? { points: { show: true, size: 6, fill: colour(s.colour) } } : {}),
      }));
      const axis = (label, log, more) => ({
        label, labelFont: font(), font: font(), stroke: ink, labelSize: 18, labelGap: 2, gap: 4,
        grid: { stroke: grid, width: 1 }, ticks: { show: false },
        values: (_, splits) => splits.map((v) => (v == null ? '' : log ? show(10 ** v) : show(v))),
        ...(log ? { splits: (u, which) => decades(u.scales[which ? 'y' : 'x']) } : {}), ...more,
      });
      const incrs = {
        h: [1 / 60, 1 / 12, .25, .5, 1, 2, 3, 4, 6, 12, 24, 48, 96, 168],
        min: [.1, .25, .5, 1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 720, 1440],
        s: [.01, .05, .1, .5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400],
      }[figure.unit];
      this.screen = document.createElement('div');
      this.screen.className = 'screen';
      this.append(this.screen);
      this.plot = new uPlot({
        width: this.clientWidth,
        height: this.height(),
        padding: [top, ruleRoom || 14, 0, 0],
        scales: {
          x: { time: false, range: (u, from, to) => this.xRange(u, from, to) },
          y: { range: (_, from, to) => this.yRange(from, to) },
        },
        axes: [
          axis(figure.xLabel, logX, { size: 20, space: 70, ...(incrs ? { incrs } : {}),
            ...(figure.places.length ? { splits: (u) => this.places(u) } : {}) }),
          axis(figure.yLabel, logY, { space: 32, ...(figure.counts ? { incrs: [1, 2, 5].flatMap((n) => [n, 10 * n, 100 * n, 1000 * n]).sort((a, b) => a - b) } : {}), size: (_, values) => 12 + Math.max(8, ...(values ?? []).map((v) => measure(v))) }),
        ],
        series: [{ label: figure.xLabel, value: (_, v) => (logX && v != null ? show(10 ** v) : show(v)) }, ...series],
        bands: figure.bands.map(([low, high]) => ({ series: [high + 1, low + 1], fill: colour(figure.series[low].colour) + '40' })),
        cursor: { drag: { x: true, y: false, setScale: true }, points: { size: 7 }, bind: { dblclick: () => () => this.reset() } },
        legend: { live: true },
        hooks: { draw: [(u) => this.annotate(u)], setScale: [(_, scale) => scale === 'x' && this.remember()] },
      }, data, this.screen);
      this.control();
      this.classList.add('drawn');
      if (zoom) this.zoom(zoom.min, zoom.max);
    }

    places(u) {   // ticks where the data are, as far as their labels have room
      const { min, max } = u.scales.x, least = 30 * (max - min) / Math.max(u.bbox.width / uPlot.pxRatio, 1);
      const chosen = [];
      for (const x of this.figure.places) {
        if (x >= min && x <= max && (!chosen.length || x - chosen[chosen.length - 1] >= least)) chosen.push(x);
      }
      return chosen;
    }

    control() {
      this.button = document.createElement('button');
      this.button.type = 'button';
      this.button.className = 'reset';
      this.button.textContent = 'Show all';
      this.button.hidden = true;
      this.button.addEventListener('click', () => this.reset());
      this.screen.append(this.button);
      const wrap = this.plot.root;
      wrap.tabIndex = 0;
      wrap.setAttribute('role', 'application');
      wrap.setAttribute('aria-label', `${this.figure.title}: drag to zoom, double-click to show all; keys: plus, minus, arrows, 0`);
      wrap.title = 'drag to zoom, double-click to show all';
      wrap.addEventListener('keydown', (event) => this.key(event));
    }

    key(event) {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const { min, max } = this.plot.scales.x, width = max - min, middle = (min + max) / 2;
      const moves = {
        '+': [middle - width / 4, middle + width / 4], '=': [middle - width / 4, middle + width / 4],
        '-': [middle - width, middle + width],
        ArrowLeft: [min - width / 5, max - width / 5], ArrowRight: [min + width / 5, max + width / 5],
        0: null, Escape: null, Home: null,
      };
      if (!(event.key in moves)) return;
      event.preventDefault();
      if (moves[event.key]) this.zoom(...moves[event.key]); else this.reset();
    }

    zoom(min, max) {
      const width = Math.min(max - min, this.whole.max - this.whole.min);
      const from = Math.min(Math.max(min, this.whole.min), this.whole.max - width);
      this.plot.setScale('x', { min: from, max: from + width });
    }

    reset() { this.plot.setScale('x', this.whole); }

    zoomed() { return this.view[1] - this.view[0] < (this.whole.max - this.whole.min) * (1 - 1e-9); }

    remember() {
      const [min, max] = this.view;
      if (this.zoomed()) zooms.set(this.dataset.key, { min, max }); else zooms.delete(this.dataset.key);
      if (this.button) this.button.hidden = !this.zoomed();
    }

    xRange(u, from, to) {   // all data means the whole axis; asked before y's range, at a first drawing and at each zoom
      const xs = u.data[0];
      this.view = from == null || (from === xs[0] && to === xs[xs.length - 1]) ? this.figure.x : [from, to];
      return this.view;
    }

    yRange(from, to) {
      if (!this.zoomed() || from == null) return this.figure.y;
      if (this.figure.series.some((s) => s.style === 'bars')) { from = Math.min(from, 0); to = Math.max(to, 0); }
      const room = (to - from) * .07 || Math.abs(to) * .1 || 1;
      return [from - room, to + room];
    }

    annotate(u) {
      const { ctx, bbox } = u, ratio = uPlot.pxRatio;
      const left = bbox.left / ratio, top = bbox.top / ratio, right = left + bbox.width / ratio, bottom = top + bbox.height / ratio;
      ctx.save();
      ctx.scale(ratio, ratio);
      ctx.font = font();
      ctx.lineWidth = 1.2;
      ctx.setLineDash([6, 4]);
      ctx.strokeStyle = this.frameColour;
      ctx.fillStyle = this.ink;
      ctx.textAlign = 'left';
      ctx.textBaseline = 'middle';
      let used = -Infinity;
      for (const [value, label] of [...this.figure.rules].sort((a, b) => b[0] - a[0])) {
        const y = u.valToPos(value, 'y', true) / ratio;
        if (y < top - .5 || y > bottom + .5) continue;
        const at = Math.max(y, used + 14);
        used = at;
        ctx.beginPath(); ctx.moveTo(left, y); ctx.lineTo(right, y); ctx.lineTo(right + 5, at); ctx.stroke();
        ctx.fillText(label, right + 8, at, 190);
      }
      ctx.setLineDash([]);
      ctx.textBaseline = 'alphabetic';
      const places = lanesFor(this.figure, (v) => u.valToPos(v, 'x', true) / ratio, left, right, this.clientWidth, this.measure);
      this.parentElement.querySelector('.key')?.classList.toggle('spared', places.labelled);
      for (const mark of places) {
        const base = top - 4 - (mark.lane ?? 0) * LANE;
        ctx.globalAlpha = .6;
        ctx.strokeStyle = this.ink;
        ctx.beginPath(); ctx.moveTo(mark.x, mark.lane === null ? top : base - 9); ctx.lineTo(mark.x, bottom); ctx.stroke();
        ctx.globalAlpha = 1;
        if (mark.lane === null) continue;
        ctx.textAlign = mark.leftwards ? 'right' : 'left';
        ctx.fillText(mark.text, mark.x + (mark.leftwards ? -3 : 3), base);
      }
      if (this.figure.simulated) {
        ctx.font = font(true);
        ctx.textAlign = 'right';
        ctx.fillText('SIMULATED DATA', this.clientWidth - 4, 12);
      }
      ctx.restore();
    }

    fit() {
      if (this.plot && this.clientWidth && Math.abs(this.plot.width - this.clientWidth) > 1) {
        this.plot.setSize({ width: this.clientWidth, height: this.height() });
      }
    }
  }
  customElements.define('bench-chart', BenchChart);

  /* Rows of pytest-html open with the keyboard too, and paper shows the budgets that the screen keeps closed. */
  const reachable = () => {
    for (const cell of document.querySelectorAll('#results-table .collapsible > .col-result')) {
      cell.tabIndex = 0;
      cell.setAttribute('aria-expanded', String(!cell.classList.contains('collapsed')));
    }
    for (const log of document.querySelectorAll('#results-table .log')) {
      if (log.textContent.trim() === 'No log output captured.') log.parentElement.hidden = true;
    }
  };
  document.addEventListener('keydown', (event) => {
    const cell = event.target.closest?.('#results-table .collapsible > .col-result');
    if (!cell || (event.key !== 'Enter' && event.key !== ' ')) return;
    event.preventDefault();
    const id = cell.parentElement.dataset.id;
    cell.click();
    reachable();
    document.querySelector(`#results-table [data-id="${id}"] > .col-result`)?.focus();
  });
  addEventListener('DOMContentLoaded', () => {
    reachable();
    new MutationObserver(reachable).observe(document.body, { childList: true });
  });
  const opened = new Set();
  addEventListener('beforeprint', () => document.querySelectorAll('details:not([open])').forEach((d) => { opened.add(d); d.open = true; }));
  addEventListener('afterprint', () => { opened.forEach((d) => { d.open = false; }); opened.clear(); });
})();
