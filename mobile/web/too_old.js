/* For browsers that know no modules: they run this file and no other. Old syntax on purpose. */
window.onload = function () {
  document.getElementById("loading").hidden = true;
  document.getElementById("fault").hidden = false;
  document.getElementById("fault-title").textContent = "This browser is too old";
  document.getElementById("fault-advice").textContent =
    "The model runs inside the browser. It needs Chrome or Edge 91, Firefox 114, Safari 16.4, or newer.";
  document.getElementById("status").textContent = "Cannot run here";
};
