"use strict";
// The token stands behind the #, which browsers send to nobody; it leaves the address at once.
const token = new URLSearchParams(location.hash.slice(1)).get("token");
const form = document.getElementById("sign-in");
if (token && form) {
  history.replaceState(null, "", location.pathname);
  form.elements.token.value = token;
  form.submit();
}
