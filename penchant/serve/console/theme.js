// The theme, set before the first paint (so this one file is a classic script in <head>).
// "system" follows prefers-color-scheme; a choice of "light" or "dark" is remembered.
(() => {
  const KEY = "penchant.theme";
  const CHOICES = ["system", "light", "dark"];

  function read() {
    try {
      const saved = localStorage.getItem(KEY);
      return CHOICES.includes(saved) ? saved : "system";
    } catch {
      return "system"; // storage is switched off: the system's theme is used each time
    }
  }

  function apply(choice) {
    if (choice === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
  }

  let choice = read();
  apply(choice);

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const label = button.querySelector("span");
    const use = button.querySelector("use");
    const show = () => {
      label.textContent = `Theme: ${choice}. Change to ${next()}`;
      button.title = `Theme: ${choice}`;
      use.setAttribute("href", `console/icons.svg#theme-${choice}`);
    };
    const next = () => CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
    button.addEventListener("click", () => {
      choice = next();
      apply(choice);
      show();
      try {
        localStorage.setItem(KEY, choice);
      } catch {
        // not remembered, still applied
      }
    });
    show();
  });
})();
