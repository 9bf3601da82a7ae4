// Before the first paint: the theme that somebody chose on this machine. Nothing chosen: the system's.
(() => {
  try {
    const theme = localStorage.getItem("butai-theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch { /* storage is switched off: the system's theme it is */ }
})();
