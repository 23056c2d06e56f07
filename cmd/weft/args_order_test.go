package main

import (
	"strings"
	"testing"
)

func TestIntersperse(t *testing.T) {
	t.Parallel()
	app := newApp(streams{})
	for in, want := range map[string]string{
		"weft":                                    "weft",
		"weft get port web-1 -o yaml":             "weft get -o yaml -- port web-1",
		"weft get -A port -o yaml":                "weft get -A -o yaml -- port",
		"weft apply -f - -p alpha":                "weft apply -f - -p alpha",
		"weft apply -f a -f=b c":                  "weft apply -f a -f=b -- c",
		"weft host accept h1 --endpoints x h2":    "weft host accept --endpoints x -- h1 h2",
		"weft delete port -- -odd -p":             "weft delete -- port -odd -p",
		"weft wait port --for=accepted a --all b": "weft wait --for=accepted --all -- port a b",
		"weft get port --unknown x":               "weft get --unknown -- port x",
		"weft get port -o":                        "weft get -o",
		"weft get port web-1 -o yaml --help":      "weft get --help",
		"weft -h get port":                        "weft -h",
		"weft wait port -h -o":                    "weft wait -h",
		"weft describe -- -h":                     "weft describe -- -h",
		"weft get -p --help":                      "weft get -p --help",
		"weft nothing -x y":                       "weft -x -- nothing y",
	} {
		if got := strings.Join(intersperse(app, strings.Fields(in)), " "); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}
