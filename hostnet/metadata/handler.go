package metadata

import (
	"net/http"
	"strconv"
	"strings"
)

// Bounds of a request.
const (
	maxHeader = 4 << 10 // bytes of its head; net/http adds 4 KiB
	maxPath   = 512     // bytes; the longest path that exists has 60
)

// answer writes the document at the path, and returns the status code. It looks at nothing else of the request: no header says who asks.
func (d *documents) answer(w http.ResponseWriter, r *http.Request) int {
	head := w.Header()
	head.Set("Cache-Control", "no-store")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		head.Set("Allow", "GET, HEAD")
		head.Set("Connection", "close") // its body is not read
		return refuse(w, http.StatusMethodNotAllowed)
	}
	path, data, ok := d.find(r.URL.Path)
	if !ok {
		return refuse(w, http.StatusNotFound)
	}
	head.Set("Content-Type", contentType(path))
	head.Set("Content-Length", strconv.Itoa(len(data)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(data) // the guest has gone
	}
	return http.StatusOK
}

func refuse(w http.ResponseWriter, code int) int {
	http.Error(w, http.StatusText(code), code)
	return code
}

// find finds a document or the listing of a folder. Slashes at both ends, and doubled ones, do not matter, because clients join paths in
// several ways.
func (d *documents) find(path string) (name string, data []byte, ok bool) {
	if len(path) > maxPath {
		return "", nil, false
	}
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	name = strings.Join(parts, "/")
	if data, ok = d.files[name]; ok {
		return name, data, true
	}
	name += "/"
	data, ok = d.files[name]
	return name, data, ok
}

func contentType(path string) string {
	switch {
	case strings.HasSuffix(path, ".json"):
		return "application/json"
	case strings.HasSuffix(path, "/user_data"), strings.HasSuffix(path, "/user-data"):
		return "application/octet-stream" // it may be compressed
	}
	return "text/plain; charset=utf-8"
}
