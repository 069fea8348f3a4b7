// Draws each chart into the element of its name. The page's policy forbids eval, so expressions are
// interpreted from their syntax trees.
const drawn = JSON.parse(document.getElementById("charts").textContent);
const options = {
  actions: false,
  ast: true,
  defaultStyle: false,
  renderer: "svg",
  tooltip: { disableDefaultStyle: true },
};
// Into an element of its own: the one around it has the words for screen readers.
const draw = ({ name, spec }) => {
  const ground = document.createElement("div");
  document.getElementById(`chart-${name}`).append(ground);
  return vegaEmbed(ground, spec, options);
};
Promise.all(drawn.map(draw)).then(
  () => document.documentElement.setAttribute("data-drawn", String(drawn.length)),
  (error) => {
    document.documentElement.setAttribute("data-drawn", "failed");
    console.error(error);
  },
);
