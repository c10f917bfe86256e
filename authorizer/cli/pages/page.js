"use strict";
// A table shows on which sides there is more of it than there is room for.
const watchFrame = (frame) => {
  const sheet = frame.querySelector(".sheet");
  const tell = () => {
    frame.classList.toggle("less", sheet.scrollLeft > 1);
    frame.classList.toggle("more", sheet.scrollLeft + sheet.clientWidth < sheet.scrollWidth - 1);
  };
  sheet.addEventListener("scroll", tell, { passive: true });
  new ResizeObserver(tell).observe(sheet);
  new ResizeObserver(tell).observe(sheet.firstElementChild);
  tell();
};
document.querySelectorAll(".frame").forEach(watchFrame);
