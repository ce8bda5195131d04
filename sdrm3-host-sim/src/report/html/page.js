// Draws the page, and draws it again when its width or its colours change.

{
  const redraw = timeline();
  let last = 0;
  const draw = () => {
    last = document.documentElement.clientWidth;
    for (const [name, chart] of Object.entries(charts)) {
      const place = document.getElementById(name);
      if (!place) continue;
      place.replaceChildren();
      chart(place, Math.max(280, place.clientWidth));
    }
    if (redraw) redraw();
  };
  draw();
  addEventListener("resize", () => {
    if (document.documentElement.clientWidth !== last) draw();
  });
  for (const query of ["(prefers-color-scheme: dark)", "print"]) {
    matchMedia(query).addEventListener("change", () => redraw && redraw());
  }
  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details")) part.open = true;
  });
}
