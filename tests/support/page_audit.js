// What test_web_browser.py asks of a page: controls without a name, texts without enough contrast.
({
  unnamed() {
    const labelled = (e) => [...(e.labels ?? [])].some((label) => label.innerText.trim());
    return [...document.querySelectorAll("button, select, input, textarea, canvas, a, summary")]
      .filter((e) => !(e.innerText?.trim() || e.getAttribute("aria-label") || labelled(e)))
      .map((e) => e.outerHTML);
  },

  // WCAG 2.1: relative luminance, and contrast of every visible text against the nearest opaque background, at least 4.5
  faint() {
    const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
    const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const luminance = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
    const background = (element) => {
      for (let e = element; e; e = e.parentElement) {
        const colour = parse(getComputedStyle(e).backgroundColor);
        if (colour.length < 4 || colour[3] > 0) return colour;
      }
      return [255, 255, 255];
    };
    const hasText = (e) => [...e.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    return [...document.querySelectorAll("body *")]
      .filter((e) => hasText(e) && e.checkVisibility() && !e.disabled)
      .filter((e) => {
        const both = [luminance(parse(getComputedStyle(e).color)), luminance(background(e))];
        return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05) < 4.5;
      })
      .map((e) => e.outerHTML);
  },
})
