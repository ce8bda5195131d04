"use strict";
// What all drawings use: the figures, elements, words for numbers.

const data = JSON.parse(document.getElementById("data").textContent);

/** An element with attributes and children; texts become text, never markup. */
function make(space, tag, attributes, children) {
  const element = space ? document.createElementNS(space, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
const html = (tag, attributes, ...children) => make(null, tag, attributes, children);
const svg = (tag, attributes, ...children) => make("http://www.w3.org/2000/svg", tag, attributes, children);

/** A drawing of this size with a name for those who cannot see it. */
function drawing(width, height, label, ...children) {
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, ...children);
}

const pen = document.createElement("canvas").getContext("2d");

/** How wide a name in a picture is where it is strong. */
function extent(name) {
  pen.font = "600 12px system-ui, sans-serif";
  return pen.measureText(name).width;
}

/** A name that has so much room: if need be without its middle, and whole where the mouse rests. */
function label(attributes, name, room) {
  const letters = [...name];
  let shown = name;
  for (let kept = letters.length - 1; kept > 1 && extent(shown) > room; kept--) {
    shown = `${letters.slice(0, Math.ceil(kept / 2)).join("")}…${letters.slice(-Math.floor(kept / 2)).join("")}`;
  }
  const text = svg("text", attributes, shown);
  if (shown !== name) text.append(svg("title", {}, name));
  return text;
}

const colour = (index) => `var(--c${index % 8})`;

/** A number with as many digits as say something. */
function figure(value) {
  const size = Math.abs(value);
  if (size >= 1000) return value.toFixed(0);
  return value.toFixed(size >= 100 ? 1 : size >= 10 ? 2 : 3);
}

const milliseconds = (ms) => `${figure(ms)} ms`;
const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** Reads the integers that were packed: seven bits a byte, the sign in the lowest bit. */
function reader(base64) {
  const text = atob(base64);
  let at = 0;
  const unsigned = () => {
    let value = 0, unit = 1;
    for (;;) {
      const byte = text.charCodeAt(at++);
      value += (byte & 127) * unit;
      if (byte < 128) return value;
      unit *= 128;
    }
  };
  const signed = () => {
    const value = unsigned();
    return value % 2 ? -(value + 1) / 2 : value / 2;
  };
  return { unsigned, signed, ended: () => at >= text.length };
}

/** Round steps for an axis: about so many up to a value. */
function steps(most, about) {
  const rough = most / about, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const values = [];
  for (let value = 0; value <= most * (1 + 1e-9); value += step) values.push(value);
  return values;
}
