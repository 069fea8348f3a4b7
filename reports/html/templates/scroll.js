// Marks each table that is wider than its place, so that the style can say that it scrolls.
const widths = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    target.toggleAttribute("data-wide", target.scrollWidth > target.clientWidth + 1);
  }
});
for (const each of document.querySelectorAll(".scroll")) widths.observe(each);
