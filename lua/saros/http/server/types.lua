-- SPDX-License-Identifier: MIT
-- Content types by the extensions of files, as browsers expect them.

return {
  html = "text/html; charset=utf-8", htm = "text/html; charset=utf-8", css = "text/css; charset=utf-8",
  js = "text/javascript; charset=utf-8", mjs = "text/javascript; charset=utf-8", txt = "text/plain; charset=utf-8",
  md = "text/markdown; charset=utf-8", csv = "text/csv; charset=utf-8", xml = "text/xml; charset=utf-8",
  json = "application/json", map = "application/json", webmanifest = "application/manifest+json",
  wasm = "application/wasm", pdf = "application/pdf", zip = "application/zip", gz = "application/gzip",
  svg = "image/svg+xml", png = "image/png", jpg = "image/jpeg", jpeg = "image/jpeg", gif = "image/gif",
  webp = "image/webp", avif = "image/avif", ico = "image/x-icon", bmp = "image/bmp",
  mp3 = "audio/mpeg", ogg = "audio/ogg", wav = "audio/wav", flac = "audio/flac", m4a = "audio/mp4",
  mp4 = "video/mp4", webm = "video/webm", mov = "video/quicktime",
  woff = "font/woff", woff2 = "font/woff2", ttf = "font/ttf", otf = "font/otf",
}
