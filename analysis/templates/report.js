"use strict";
// Sorts a table by the column whose head is pressed. Numbers go by value, words by the alphabet,
// and what is missing stays last.
function key(row, column) {
  const cell = row.cells[column];
  const value = cell.dataset.value;
  return value === undefined ? cell.textContent.trim() : Number(value);
}
function missing(value) { return value === "" || value === "-"; }
function order(one, other, sign) {
  if (missing(one) || missing(other)) { return missing(one) - missing(other); }
  if (typeof one !== typeof other) { return sign * (typeof one === "number" ? -1 : 1); }
  return sign * (typeof one === "number" ? one - other : one.localeCompare(other, "en"));
}
function sort(head) {
  const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  const body = head.closest("table").tBodies[0];
  const keyed = Array.from(body.rows, (row) => [key(row, head.cellIndex), row]);
  keyed.sort((one, other) => order(one[0], other[0], sign));
  for (const cell of head.parentElement.cells) { cell.removeAttribute("aria-sort"); }
  head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
  body.append(...keyed.map((pair) => pair[1]));
}
for (const head of document.querySelectorAll("th")) {
  // No <button>: browsers do not print those again where a table goes on to the next page.
  const button = head.firstElementChild;
  button.tabIndex = 0;
  button.setAttribute("role", "button");
  button.addEventListener("click", () => sort(head));
  button.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") { return; }
    event.preventDefault();
    sort(head);
  });
}
