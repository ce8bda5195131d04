// The timeline: what ran where and when, and why. One canvas; the block that is pointed at is told in words.

/** The frames and slices as they were packed; times in milliseconds. */
function unpack() {
  const TICK = 1e-4, frames = [], slices = [];
  let read = reader(data.frames), release = 0;
  while (!read.ended()) {
    const model = read.unsigned(), number = read.unsigned();
    release += read.signed();
    const due = release + read.unsigned(), took = read.unsigned(), how = read.unsigned();
    frames.push({ model, number, release: release * TICK, due: due * TICK, end: (release + took) * TICK, how });
  }
  read = reader(data.slices);
  let start = 0, frame = 0;
  while (!read.ended()) {
    const row = read.unsigned();
    start += read.unsigned();
    const end = start + read.unsigned();
    frame += read.signed();
    const slice = {
      row, from: start * TICK, to: end * TICK, frame, first: read.unsigned(), segments: read.unsigned(),
      blocks: read.unsigned(), moved: read.unsigned() * TICK, score: read.signed(), terms: null, next: null,
    };
    if (data.has_terms) slice.terms = [read.signed(), read.signed(), read.signed()].map((term) => term / 1000);
    slice.candidates = read.unsigned();
    if (read.unsigned()) slice.next = { frame: frame + read.signed(), row: read.unsigned(), behind: read.signed() };
    slices.push(slice);
  }
  return { frames, slices };
}

function timeline() {
  const place = document.getElementById("timeline");
  if (!place) return;
  const canvas = place.querySelector("canvas"), told = document.getElementById("block"), spanned = document.getElementById("span");
  const { frames, slices } = unpack();
  const rows = data.accelerators.map((_, row) => slices.filter((slice) => slice.row === row));
  const missed = frames.filter((frame) => frame.how > 1 || (frame.how === 0 && frame.due < data.duration_ms))
    .sort((a, b) => a.due - b.due);
  const LEFT = 92, ROW = 34, TOP = 24, MISSES = 20, high = TOP + ROW * rows.length + MISSES + 6;
  const whole = [0, data.duration_ms];
  let view = [...whole], chosen = null, kept = false, drag = null, wide = 0, planned = false;

  const legend = document.getElementById("legend");
  const shown = new Set(slices.map((slice) => frames[slice.frame].model));
  data.models.forEach((model, index) => {
    if (shown.has(index)) legend.append(html("span", { style: `--own:${colour(index)}` }, model.name));
  });

  const x = (ms) => LEFT + ((ms - view[0]) / (view[1] - view[0])) * (wide - LEFT);
  const time = (px) => view[0] + ((px - LEFT) / (wide - LEFT)) * (view[1] - view[0]);
  const called = (frame) => `${data.models[frames[frame].model].name} ${frames[frame].number}`;

  /** The first slice of a row that ends behind a time. */
  function behind(row, ms) {
    let low = 0, most = row.length;
    while (low < most) {
      const middle = (low + most) >> 1;
      if (row[middle].to > ms) most = middle; else low = middle + 1;
    }
    return low;
  }

  /** More slices than pixels: each column shows how its time was shared. */
  function crowd(ink, row, y, colours) {
    const columns = Array.from({ length: Math.ceil(wide - LEFT) }, () => new Float32Array(data.models.length));
    for (const slice of row) {
      const from = Math.max(0, x(slice.from) - LEFT), to = Math.min(columns.length, x(slice.to) - LEFT);
      for (let column = Math.floor(from); column < to; column += 1) {
        columns[column][frames[slice.frame].model] += Math.min(to, column + 1) - Math.max(from, column);
      }
    }
    columns.forEach((shares, column) => {
      let base = y + ROW - 3;
      shares.forEach((share, model) => {
        if (!share) return;
        ink.fillStyle = colours[model % 8];
        ink.fillRect(LEFT + column, base - share * (ROW - 6), 1, share * (ROW - 6));
        base -= share * (ROW - 6);
      });
    });
  }

  function draw() {
    planned = false;
    const style = getComputedStyle(document.documentElement), value = (name) => style.getPropertyValue(name).trim();
    const scale = window.devicePixelRatio || 1;
    wide = place.clientWidth;
    canvas.width = Math.round(wide * scale);
    canvas.height = Math.round(high * scale);
    canvas.style.height = `${high}px`;
    const ink = canvas.getContext("2d");
    ink.scale(scale, scale);
    ink.fillStyle = value("--paper");
    ink.fillRect(0, 0, wide, high);
    ink.font = "12px system-ui, sans-serif";
    ink.textBaseline = "middle";
    const colours = [...Array(8).keys()].map((n) => value(`--c${n}`));
    const span = view[1] - view[0];
    for (const step of steps(span, Math.max(2, wide / 130)).slice(1, 2)) {
      for (let ms = Math.ceil(view[0] / step) * step; ms <= view[1]; ms += step) {
        ink.fillStyle = value("--line");
        ink.fillRect(Math.round(x(ms)), TOP - 4, 1, high - TOP);
        ink.fillStyle = value("--soft");
        ink.textAlign = "center";
        const label = `${Number(ms.toFixed(4))} ms`, half = ink.measureText(label).width / 2;
        ink.fillText(label, Math.max(LEFT + half, Math.min(x(ms), wide - half - 2)), 10);
      }
    }
    rows.forEach((row, index) => {
      const y = TOP + index * ROW;
      const first = behind(row, view[0]), last = behind(row, view[1]);
      if (last - first > wide - LEFT) return crowd(ink, row.slice(first, last + 1), y, colours);
      for (const slice of row.slice(first, last + 1)) {
        const from = Math.max(LEFT, x(slice.from)), to = Math.min(wide, x(slice.to));
        if (to < from) continue;
        ink.fillStyle = colours[frames[slice.frame].model % 8];
        const gap = to - from > 3 ? 0.6 : 0;
        ink.fillRect(from, y + 3, Math.max(0.7, to - from - gap), ROW - 6);
        if (slice.moved > 0 && to - from > 4) {
          ink.fillStyle = value("--ink");
          ink.globalAlpha = 0.35;
          ink.fillRect(from, y + 3, Math.min(to - from, x(slice.from + slice.moved) - x(slice.from)), ROW - 6);
          ink.globalAlpha = 1;
        }
      }
    });
    const base = TOP + rows.length * ROW;
    ink.fillStyle = value("--bad");
    for (const frame of missed) {
      if (frame.due >= view[0] && frame.due <= view[1]) ink.fillRect(x(frame.due) - 0.75, base + 3, 1.5, MISSES - 4);
    }
    ink.fillStyle = value("--paper");
    ink.fillRect(0, 0, LEFT, high);
    ink.textAlign = "left";
    data.accelerators.forEach((name, index) => {
      ink.fillStyle = value("--ink");
      ink.fillText(name, 6, TOP + index * ROW + ROW / 2, LEFT - 10);
    });
    ink.fillStyle = value("--soft");
    ink.fillText("misses", 6, base + MISSES / 2, LEFT - 10);
    if (chosen && chosen.to > view[0] && chosen.from < view[1]) {
      const from = Math.max(LEFT, x(chosen.from)), to = Math.min(wide, x(chosen.to));
      ink.strokeStyle = value("--ink");
      ink.lineWidth = 2;
      ink.strokeRect(from - 1, TOP + chosen.row * ROW + 2, Math.max(2, to - from) + 2, ROW - 4);
    }
    spanned.textContent = `${milliseconds(view[0])} to ${milliseconds(view[1])}`;
  }
  function plan() {
    if (!planned) requestAnimationFrame(draw);
    planned = true;
  }

  /** Why this block, here, now. */
  function tell(slice) {
    const frame = frames[slice.frame], unit = slice.terms ? 1000 : 1;
    const last = slice.first + slice.segments - 1;
    const layers = slice.blocks > 1 ? `${slice.segments} layers in ${slice.blocks} blocks, from layer ${slice.first}`
      : slice.segments > 1 ? `layers ${slice.first} to ${last}` : `layer ${slice.first}`;
    const ends = ["not finished in the run", "in time", "late", "dropped"][frame.how];
    const by = frame.how === 1 || frame.how === 2 ? ` by ${milliseconds(Math.abs(frame.due - frame.end))}` : "";
    const words = [
      html("h3", {}, `${called(slice.frame)} on ${data.accelerators[slice.row]}: ${layers}`),
      html("p", {}, `From ${slice.from.toFixed(4)} ms for ${milliseconds(slice.to - slice.from)}` +
        `${slice.moved > 0 ? `, of which ${milliseconds(slice.moved)} to move the accelerator to it` : ""}. ` +
        `The frame was released at ${figure(frame.release)} ms, is due at ${figure(frame.due)} ms, ` +
        `had ${milliseconds(frame.due - slice.from)} left, and ended ${ends}${by}.`),
    ];
    if (slice.terms) {
      const most = Math.max(...slice.terms.map(Math.abs), 1e-9);
      const bars = ["urgency × preference", "alpha × starvation", "beta × energy"].flatMap((name, term) => [
        html("span", {}, name), html("b", {}, slice.terms[term].toFixed(3)),
        html("i", { style: `width:${(100 * Math.abs(slice.terms[term])) / most}%`, class: slice.terms[term] < 0 ? "minus" : "" }),
      ]);
      words.push(html("p", {}, `Score ${(slice.score / unit).toFixed(3)}, the sum of`), html("div", { class: "terms" }, ...bars));
    } else {
      words.push(html("p", {}, `Score ${slice.score}, in the policy's own unit.`));
    }
    const pairs = slice.candidates === 1 ? "It was the only pair of a waiting frame and an idle accelerator."
      : `It was chosen of ${slice.candidates} pairs of waiting frames and idle accelerators.`;
    const next = slice.next
      ? ` Next came ${called(slice.next.frame)} on ${data.accelerators[slice.next.row]}, ${slice.next.behind ? `${figure(slice.next.behind / unit)} behind` : "with the same score"}.`
      : slice.candidates > 1 ? " No other frame could have run then." : "";
    words.push(html("p", {}, pairs + next));
    told.replaceChildren(...words);
  }
  function choose(slice) {
    if (slice === chosen) return;
    chosen = slice;
    if (slice) tell(slice);
    plan();
  }

  function show(from, to) {
    const span = Math.min(whole[1], Math.max(1e-3, to - from));
    const start = Math.min(Math.max(0, from), whole[1] - span);
    view = [start, start + span];
    plan();
  }
  function zoom(factor, around) {
    show(around - (around - view[0]) * factor, around + (view[1] - around) * factor);
  }
  const middle = () => (chosen && chosen.to > view[0] && chosen.from < view[1] ? (chosen.from + chosen.to) / 2 : (view[0] + view[1]) / 2);
  const move = (share) => show(view[0] + share * (view[1] - view[0]), view[1] + share * (view[1] - view[0]));
  const acts = {
    in: () => zoom(0.5, middle()), out: () => zoom(2, middle()), all: () => show(...whole),
    left: () => move(-0.5), right: () => move(0.5),
  };
  for (const button of document.querySelectorAll("[data-act]")) button.addEventListener("click", acts[button.dataset.act]);

  function at(event) {
    const box = canvas.getBoundingClientRect(), px = event.clientX - box.left;
    const row = rows[Math.floor((event.clientY - box.top - TOP) / ROW)];
    if (!row || px < LEFT) return null;
    // A slice of less than a pixel is found within two.
    const reach = (2 / (wide - LEFT)) * (view[1] - view[0]), ms = time(px);
    const slice = row[behind(row, ms - reach)];
    return slice && slice.from <= ms + reach ? slice : null;
  }
  canvas.addEventListener("wheel", (event) => {
    if (event.ctrlKey) return;
    event.preventDefault();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) move(event.deltaX / 800);
    else zoom(Math.exp(event.deltaY / 400), time(event.offsetX));
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    drag = { px: event.clientX, view: [...view], moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drag) {
      const slice = kept ? null : at(event);
      if (slice) choose(slice);
      return;
    }
    const by = ((event.clientX - drag.px) / (wide - LEFT)) * (drag.view[1] - drag.view[0]);
    drag.moved = drag.moved || Math.abs(event.clientX - drag.px) > 3;
    if (drag.moved) show(drag.view[0] - by, drag.view[1] - by);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (drag && !drag.moved) {
      const slice = at(event);
      kept = slice !== null && !(kept && slice === chosen);
      if (slice) choose(slice);
    }
    drag = null;
  });

  function step(by) {
    const row = rows[chosen ? chosen.row : 0];
    if (!row.length) return;
    const now = chosen ? row.indexOf(chosen) + by : behind(row, view[0]);
    focus(row[Math.min(row.length - 1, Math.max(0, now))]);
  }
  function other(by) {
    for (let row = (chosen ? chosen.row : -by) + by; rows[row]; row += by) {
      if (rows[row].length) return focus(rows[row][Math.min(rows[row].length - 1, behind(rows[row], chosen ? chosen.from : view[0]))]);
    }
  }
  /** Chooses a block and brings it into view, near enough to be seen. */
  function focus(slice) {
    kept = true;
    choose(slice);
    const span = Math.min(view[1] - view[0], Math.max(1, (slice.to - slice.from) * 400));
    if (slice.from < view[0] || slice.to > view[1] || span < view[1] - view[0]) {
      show((slice.from + slice.to - span) / 2, (slice.from + slice.to + span) / 2);
    }
  }
  const keys = {
    ArrowLeft: () => step(-1), ArrowRight: () => step(1), ArrowUp: () => other(-1), ArrowDown: () => other(1),
    "+": acts.in, "=": acts.in, "-": acts.out, PageUp: () => move(-0.9), PageDown: () => move(0.9), Home: acts.all,
  };
  canvas.addEventListener("keydown", (event) => {
    const act = event.ctrlKey || event.metaKey || event.altKey ? null : keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  // The first view shows single blocks, near the first frame that was missed if there is one.
  const first = missed.find((frame) => frame.due > 0), span = Math.min(whole[1], 100);
  show(first ? first.due - 0.7 * span : 0, first ? first.due + 0.3 * span : span);
  // And tells of one that was chosen before another frame.
  choose(slices.find((slice) => slice.from >= view[0] && slice.next) || slices[0]);
  return draw;
}
