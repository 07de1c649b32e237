// What the pages can do better with a script. Without one they work all the same.
"use strict";

// Shows only the lines of the chosen phone.
function showLines() {
  const devices = document.getElementById("permDeviceSelect");
  const lines = document.getElementById("lineNumber");
  if (!devices || !lines) return;
  for (const group of lines.querySelectorAll("optgroup")) {
    const shown = group.label === devices.value;
    group.hidden = group.disabled = !shown;
    if (shown && lines.selectedOptions[0]?.parentElement !== group && group.firstElementChild) {
      group.firstElementChild.selected = true;
    }
  }
}
showLines();

// A form is sent once, however often its button is pressed; again when the browser shows the page again.
for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "true";
  });
}
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

// Closes the window after so many seconds; one that no script opened stays, and says that it can be closed.
const after = document.body.dataset.closeAfter;
if (after !== undefined) {
  setTimeout(() => {
    window.close();
    if (after !== "0") location.replace("/webdialer/Webdialer?cmd=doClose");
  }, Number(after) * 1000);
}
