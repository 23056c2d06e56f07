package guestagent

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// guest answers one command. What it returns is sent as it is; nothing means no answer, and an empty text ends the connection.
type guest func(command string, arguments json.RawMessage) []string

const allCommands = `{"return": {"version": "10.0", "supported_commands": [{"enabled": true, "name": "guest-file-open", "success-response": true},
 {"enabled": false, "name": "guest-exec", "success-response": true}]}}`

// polite answers as an agent does.
func polite(command string, arguments json.RawMessage) []string {
	switch command {
	case "guest-sync-delimited":
		var a struct{ ID int64 }
		if err := json.Unmarshal(arguments, &a); err != nil {
			panic(err)
		}
		return []string{fmt.Sprintf("\xff{\"return\": %d}\n", a.ID)}
	case "guest-info":
		return []string{strings.ReplaceAll(allCommands, "\n", "") + "\n"}
	}
	return []string{`{"return": {}}` + "\n"}
}

// answers says these texts to a command, and is polite otherwise.
func answers(command string, texts ...string) guest {
	return func(name string, arguments json.RawMessage) []string {
		if name == command {
			return texts
		}
		return polite(name, arguments)
	}
}

// serve plays a guest on a socket until the test ends.
func serve(t *testing.T, g guest) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ga") // a test's own folder has too long a name for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	t.Cleanup(func() { l.Close() })
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { play(conn, g) })
		}
	})
	return socket
}

func play(conn net.Conn, g guest) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return
		}
		var q struct {
			Execute   string
			Arguments json.RawMessage
		}
		if err := json.Unmarshal(bytes.TrimPrefix(line, []byte{sentinel}), &q); err != nil {
			return
		}
		for _, text := range g(q.Execute, q.Arguments) {
			if _, err := io.WriteString(conn, text); err != nil || text == "" {
				return
			}
		}
	}
}

const short = 200 * time.Millisecond

func connected(t *testing.T, g guest) *Client {
	t.Helper()
	c, err := dial(t.Context(), serve(t, g), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func wantError(t *testing.T, what string, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %.300v; expected %q", what, err, want)
	}
	if err != nil && strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' }) {
		t.Errorf("%s: control characters in %q", what, err)
	}
}

// TestBegin: what is before the answer to the own question is skipped, in whatever state an earlier client left the stream. An agent that
// gives no such answer is an error.
func TestBegin(t *testing.T) {
	t.Parallel()
	const own = "own"
	for what, row := range map[string]struct {
		says []string
		want string // of the error; empty if there is none
	}{
		"polite":                 {[]string{own}, ""},
		"stale answers":          {[]string{`{"return": {}}` + "\n" + `{"error": {"class": "GenericError", "desc": "JSON parse error"}}` + "\n", own}, ""},
		"half an answer":         {[]string{`{"return": "abc`, own}, ""},
		"another id":             {[]string{"\xff{\"return\": 1}\n", own}, ""},
		"half of another's":      {[]string{"\xff{\"retu", own}, ""},
		"sentinels":              {[]string{strings.Repeat("\xff", 5000), own}, ""},
		"long line":              {[]string{"\xff" + strings.Repeat("x", 3*maxAnswer), own}, ""},
		"no end of a line":       {[]string{"\xff" + `{"return": `}, "no answer from the guest agent within 200ms"},
		"nothing":                {nil, "no answer from the guest agent within 200ms"},
		"closed":                 {[]string{""}, "the connection to the guest agent has ended"},
		"without the sentinel":   {[]string{`{"return": 1}` + "\n"}, "no answer from the guest agent within 200ms"},
		"an error with sentinel": {[]string{"\xff" + `{"error": {"desc": "no"}}` + "\n"}, "no answer"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			limit := 5 * time.Second
			if row.want != "" {
				limit = short
			}
			c, err := dial(t.Context(), serve(t, func(name string, arguments json.RawMessage) []string {
				if name != "guest-sync-delimited" {
					return polite(name, arguments)
				}
				said := slices.Clone(row.says)
				if at := slices.Index(said, own); at >= 0 {
					said[at] = polite(name, arguments)[0]
				}
				return said
			}), limit)
			if err == nil {
				defer c.Close()
			}
			if row.want == "" && err != nil {
				t.Error(err)
			} else if row.want != "" {
				wantError(t, what, err, row.want)
			}
			if errors.Is(err, context.DeadlineExceeded) {
				t.Error("it looks like a deadline of etcd")
			}
		})
	}
}

// TestEndlessJunkIsBounded: an agent that never stops is left.
func TestEndlessJunkIsBounded(t *testing.T) {
	t.Parallel()
	r := bufio.NewReader(io.LimitReader(zeros{}, 2*maxStale))
	if err := skipTo(r, 1); err == nil || !strings.Contains(err.Error(), "without an answer to the question") {
		t.Error(err)
	}
	if _, err := readLine(bufio.NewReader(zeros{})); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Error(err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestAnswers: each answer to guest-ping, and what becomes of it.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for what, row := range map[string]struct {
		says []string
		want string
	}{
		"in pieces":      {[]string{`{"ret`, `urn": `, "{}}", "\r\n"}, ""},
		"no answer":      {nil, "guest-ping: no answer from the guest agent within"},
		"half an answer": {[]string{`{"return": {`}, "guest-ping: no answer from the guest agent within"},
		"closed":         {[]string{`{"return"`, ""}, "guest-ping: the connection to the guest agent has ended"},
		"huge":           {[]string{strings.Repeat("a", 2*maxAnswer) + "\n"}, "larger than 1048576 bytes"},
		"junk":           {[]string{"\x1b[31mhello\n"}, "is not JSON as the protocol says"},
		"neither":        {[]string{"{}\n"}, `neither "return" nor "error"`},
		"list":           {[]string{"[]\n"}, "is not JSON as the protocol says"},
		"disabled": {[]string{`{"error": {"class": "CommandNotFound", "desc": "Command guest-ping has been disabled"}}` + "\n"},
			"the guest agent refuses guest-ping: Command guest-ping has been disabled"},
		"escapes": {[]string{`{"error": {"class": "x", "desc": "a\u001b[2J\nweft: all is well\u202e"}}` + "\n"},
			"the guest agent refuses guest-ping: a?[2J?weft: all is well?"},
		"long": {[]string{`{"error": {"class": "x", "desc": "` + strings.Repeat("ä", 5000) + `"}}` + "\n"}, strings.Repeat("ä", maxSaid) + "…"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			c := connected(t, answers("guest-ping", row.says...))
			if strings.Contains(row.want, "no answer") {
				c.limit = short
			}
			err := c.call(t.Context(), "guest-ping", nil, nil)
			if row.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, what, err, row.want)
			if strings.Contains(row.want, "no answer") {
				wantError(t, "afterwards", c.call(t.Context(), "guest-sync", nil, nil), "guest-ping: no answer")
			}
		})
	}
}

// TestMoreThanAsked: an answer that nobody asked for is not taken for that to the next command.
func TestMoreThanAsked(t *testing.T) {
	t.Parallel()
	c := connected(t, answers("guest-ping", "{\"return\": {}}\n{\"return\": 7}\n"))
	if err := c.call(t.Context(), "guest-ping", nil, nil); err != nil {
		t.Fatal(err)
	}
	wantError(t, "next", c.call(t.Context(), "guest-file-open", nil, nil), "answered more than it was asked")
}

// TestContextEndsTheWait: an interrupted command does not wait for the guest.
func TestContextEndsTheWait(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := connected(t, func(name string, arguments json.RawMessage) []string {
		if name == "guest-ping" {
			cancel()
			return nil
		}
		return polite(name, arguments)
	})
	if err := c.call(ctx, "guest-ping", nil, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	late, cancel := context.WithTimeout(t.Context(), -1)
	defer cancel()
	if err := connected(t, polite).call(late, "guest-ping", nil, nil); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v: it looks like a deadline of etcd", err)
	}
}

func TestDialErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := Dial(t.Context(), filepath.Join(dir, "none"))
	wantError(t, "none", err, "there is no such socket")
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Dial(t.Context(), file)
	wantError(t, "file", err, "nothing listens on the socket")
	_, err = Dial(t.Context(), "/"+strings.Repeat("a", maxSocket))
	wantError(t, "long", err, "the socket's path has 108 bytes, more than 107")
	_, err = Dial(t.Context(), serve(t, answers("guest-info", `{"return": {"supported_commands": [`+
		strings.Repeat(`{"name": "a"},`, maxCommands)+`{"name": "a"}]}}`+"\n")))
	wantError(t, "commands", err, "has 1001 commands")
}

func TestRefused(t *testing.T) {
	t.Parallel()
	c := connected(t, polite)
	if got := c.Refused("guest-exec", "guest-file-open", "guest-frob"); !slices.Equal(got, []string{"guest-exec", "guest-frob"}) {
		t.Errorf("%q", got)
	}
}

// TestReadFile: a file is read to its end and not further than the limit. An agent that sends nothing for ever is left.
func TestReadFile(t *testing.T) {
	t.Parallel()
	left := 2
	c := connected(t, func(name string, arguments json.RawMessage) []string {
		switch name {
		case "guest-file-open":
			return []string{"{\"return\": 7}\n"}
		case "guest-file-read":
			left--
			return []string{fmt.Sprintf(`{"return": {"count": 2, "buf-b64": "aGE=", "eof": %t}}`, left == 0) + "\n"}
		}
		return polite(name, arguments)
	})
	if data, err := c.ReadFile(t.Context(), "/a", 4); err != nil || string(data) != "haha" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := c.ReadFile(t.Context(), "/a", 100); !errors.Is(err, ErrTooLarge) { // it has no end
		t.Error(err)
	}
	c = connected(t, answers("guest-file-open", `{"return": 1}`+"\n"))
	_, err := c.ReadFile(t.Context(), "/a", 4)
	wantError(t, "nothing", err, "has read nothing, and says that there is more")
	c = connected(t, answers("guest-file-open", `{"return": "one"}`+"\n"))
	_, err = c.ReadFile(t.Context(), "/a", 4)
	wantError(t, "handle", err, "guest-file-open: the guest agent's answer is not what the protocol says")
	c = connected(t, answers("guest-file-open", `{"error": {"class": "GenericError", "desc": "no"}}`+"\n"))
	if _, err := c.ReadFile(t.Context(), "/a", 4); !errors.As(err, new(*Error)) {
		t.Error(err)
	}
}

// TestWriteFile: what the agent takes only a part of is sent to its end. A count that cannot be is an error.
func TestWriteFile(t *testing.T) {
	t.Parallel()
	var got []byte
	c := connected(t, func(name string, arguments json.RawMessage) []string {
		var a struct {
			Data []byte `json:"buf-b64"`
		}
		switch name {
		case "guest-file-open":
			return []string{"{\"return\": 7}\n"}
		case "guest-file-write":
			if err := json.Unmarshal(arguments, &a); err != nil {
				return []string{""}
			}
			n := max(1, len(a.Data)/2)
			got = append(got, a.Data[:n]...)
			return []string{fmt.Sprintf(`{"return": {"count": %d, "eof": false}}`, n) + "\n"}
		}
		return polite(name, arguments)
	})
	want := bytes.Repeat([]byte("weft"), chunk/2)
	if err := c.WriteFile(t.Context(), "/a", want); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d of %d bytes, %v", len(got), len(want), err)
	}
	for _, count := range []int{0, -1, 4} {
		g := func(name string, arguments json.RawMessage) []string {
			switch name {
			case "guest-file-open":
				return []string{"{\"return\": 7}\n"}
			case "guest-file-write":
				return []string{fmt.Sprintf(`{"return": {"count": %d}}`, count) + "\n"}
			}
			return polite(name, arguments)
		}
		wantError(t, "count", connected(t, g).WriteFile(t.Context(), "/a", []byte("abc")), fmt.Sprintf("says that it has written %d", count))
	}
}

// TestRun: a command is waited for, and what it leaves is bounded.
func TestRun(t *testing.T) {
	t.Parallel()
	for what, row := range map[string]struct {
		status string // the last one
		want   Output
		wrong  string
	}{
		"done":   {`{"exited": true, "exitcode": 0, "out-data": "aGE="}`, Output{Out: []byte("ha")}, ""},
		"failed": {`{"exited": true, "exitcode": 3, "err-data": "bm8bWzJKCg=="}`, Output{Code: 3, Err: "no?[2J"}, ""},
		"killed": {`{"exited": true, "signal": 9}`, Output{Code: 137}, ""},
		"much":   {`{"exited": true, "out-truncated": true}`, Output{}, "has written too much"},
		"never":  {`{"exited": false}`, Output{}, "`ha he` has not ended within"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			asked := 0
			c := connected(t, func(name string, arguments json.RawMessage) []string {
				switch name {
				case "guest-exec":
					return []string{`{"return": {"pid": 4}}` + "\n"}
				case "guest-exec-status":
					if asked++; asked > 2 {
						return []string{`{"return": ` + row.status + "}\n"}
					}
					return []string{`{"return": {"exited": false}}` + "\n"}
				}
				return polite(name, arguments)
			})
			got, err := c.Run(t.Context(), short, "ha", "he")
			if row.wrong != "" {
				wantError(t, what, err, row.wrong)
			} else if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", row.want) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// TestInterfaces: what is no NIC, name or address is left out.
func TestInterfaces(t *testing.T) {
	t.Parallel()
	list, err := connected(t, answers("guest-network-get-interfaces", `{"return": [{"name": "lo", "hardware-address": "00:00:00:00:00:00"}, {"name": "tun0"},`+
		`{"name": "eth0", "hardware-address": "fa:16:3e:00:00:01", "ip-addresses": [{"ip-address": "10.0.0.5", "prefix": 24},`+
		`{"ip-address": "fe80::1%eth0", "prefix": 64}, {"ip-address": "x", "prefix": 1}, {"ip-address": "10.0.0.6", "prefix": 77}]},`+
		`{"name": "-e", "hardware-address": "fa:16:3e:00:00:01"}, {"name": "a b", "hardware-address": "fa:16:3e:00:00:01"},`+
		`{"name": "..", "hardware-address": "fa:16:3e:00:00:01"}, {"name": "a\u001b", "hardware-address": "fa:16:3e:00:00:01"},`+
		`{"name": "0123456789abcdef", "hardware-address": "fa:16:3e:00:00:01"}, {"name": "", "hardware-address": "fa:16:3e:00:00:01"}]}`+"\n")).
		Interfaces(t.Context())
	want := "[{lo 00:00:00:00:00:00 []} {eth0 fa:16:3e:00:00:01 [10.0.0.5/24 fe80::1/64]}]"
	if err != nil || fmt.Sprint(list) != want {
		t.Errorf("%v, %v; expected %s", list, err, want)
	}
	_, err = connected(t, answers("guest-network-get-interfaces", `{"return": [`+strings.Repeat("{},", maxInterfaces)+"{}]}\n")).Interfaces(t.Context())
	wantError(t, "many", err, "has 1001 NICs")
}

// FuzzAnswer: each line is read as a value or as an error that is fit for a terminal.
func FuzzAnswer(f *testing.F) {
	for _, line := range []string{"", "{}", `{"return": {}}`, `{"return": null}`, `{"error": {"class": "a", "desc": "b\u001b"}}`, `{"error": null, "return": 1}`,
		`{"error": []}`, "\xff{\"return\": 1}", `{"return": 1}{"return": 2}`, strings.Repeat("[", 20000)} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		value, err := parse("guest-ping", line)
		if (value == nil) != (err != nil) {
			t.Fatalf("%q: %q, %v", line, value, err)
		}
		if err != nil && (len(err.Error()) > 5*maxSaid || strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' })) {
			t.Fatalf("%q: %q is not fit for a terminal", line, err)
		}
	})
}

// FuzzSync: a stream is in step exactly after the answer to the own question, and what comes next is still to be read.
func FuzzSync(f *testing.F) {
	for _, before := range []string{"", "\n", "\xff", "\xff{\"return\": 1}\n", "{\"return\"", "\xff{\"re", strings.Repeat("a", maxSync+1) + "\n", "\xff" + strings.Repeat("a", 1000)} {
		f.Add([]byte(before))
	}
	f.Fuzz(func(t *testing.T, before []byte) {
		const id = 1<<51 + 7
		if bytes.Contains(before, fmt.Append(nil, int64(id))) {
			return // it may be an answer to the question itself
		}
		r := bufio.NewReader(io.MultiReader(bytes.NewReader(before), strings.NewReader(fmt.Sprintf("\xff{\"return\": %d}\nrest", int64(id)))))
		if err := skipTo(r, id); err != nil {
			t.Fatalf("%q: %v", before, err)
		}
		if rest, err := io.ReadAll(r); err != nil || string(rest) != "rest" {
			t.Fatalf("%q: %q is left, %v", before, rest, err)
		}
	})
}
