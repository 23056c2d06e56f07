package guesttree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"weft/cmd/weft/internal/guestagent"
)

// folderAgent is an agent whose guest's files are a folder. It opens and makes files as qemu-ga does, and runs commands of this machine, with
// each path of the guest below the folder. Commands that change the network are only remembered.
type folderAgent struct {
	dir     string
	refused []string
	ran     []string
	fail    map[string]guestagent.Output // what commands leave that fail, by their first word
}

func (a *folderAgent) Refused(commands ...string) []string {
	return slices.DeleteFunc(commands, func(c string) bool { return !slices.Contains(a.refused, c) })
}

// refusal is qemu-ga's error, as a guest says it whose language is German.
func refusal(name string, err error) error {
	text := map[bool]string{true: "Datei oder Verzeichnis nicht gefunden", false: "Keine Berechtigung"}[errors.Is(err, os.ErrNotExist)]
	return &guestagent.Error{Command: "guest-file-open", Class: "GenericError", Text: fmt.Sprintf("failed to open file '%s' (mode: 'r'): %s", name, text)}
}

func (a *folderAgent) ReadFile(_ context.Context, name string, limit int) ([]byte, error) {
	f, err := os.Open(a.dir + name)
	if err != nil {
		return nil, refusal(name, err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.IsDir() {
		return nil, errors.Join(err, &guestagent.Error{Command: "guest-file-read", Text: "failed to read file: Ist ein Verzeichnis"})
	}
	data, err := os.ReadFile(a.dir + name)
	if len(data) > limit {
		return nil, guestagent.ErrTooLarge
	}
	return data, err
}

func (a *folderAgent) WriteFile(_ context.Context, name string, data []byte) error {
	_, err := os.Stat(a.dir + name)
	if err := os.WriteFile(a.dir+name, data, 0o666); err != nil {
		return refusal(name, err)
	}
	if err != nil {
		return os.Chmod(a.dir+name, 0o666)
	}
	return nil
}

func (a *folderAgent) Run(ctx context.Context, _ time.Duration, command string, args ...string) (guestagent.Output, error) {
	a.ran = append(a.ran, strings.Join(append([]string{command}, args...), " "))
	if o, ok := a.fail[command]; ok {
		return o, nil
	}
	if !slices.Contains([]string{"stat", "ls", "mkdir", "install", "chown", "chmod", "mv", "rm"}, command) {
		return guestagent.Output{}, nil
	}
	for i, arg := range args {
		if strings.HasPrefix(arg, "/") && arg != "/dev/null" {
			args[i] = a.dir + arg
		}
	}
	var out, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.Stdout, cmd.Stderr, cmd.Env = &out, &stderr, append(os.Environ(), "LC_ALL=C")
	err := cmd.Run()
	o := guestagent.Output{Out: bytes.ReplaceAll(out.Bytes(), []byte(a.dir), nil), Err: stderr.String()}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		o.Code, err = exit.ExitCode(), nil
	}
	return o, err
}

func (a *folderAgent) Interfaces(context.Context) ([]guestagent.Interface, error) { return nil, nil }

// running makes a guest that runs from files, as tree does.
func running(t *testing.T, files map[string]string, refused ...string) *folderAgent {
	t.Helper()
	dir, _ := tree(t, files)
	return &folderAgent{dir: dir, refused: refused}
}

// inject plans and applies by an agent, and returns "path did" of each file.
func inject(t *testing.T, a *folderAgent, nics int, style string, force bool) (did []string, err error) {
	t.Helper()
	r, err := OpenRunning(t.Context(), a)
	if err != nil {
		return nil, err
	}
	p, err := r.Plan(t.Context(), guest(nics), style, force)
	if err != nil {
		return nil, err
	}
	for _, c := range p.Files {
		did = append(did, c.Path+" "+c.Did())
	}
	return did, r.Apply(t.Context(), p)
}

func mode(t *testing.T, a *folderAgent, name string) os.FileMode {
	t.Helper()
	info, err := os.Stat(filepath.Join(a.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func leftovers(t *testing.T, a *folderAgent) {
	t.Helper()
	err := filepath.WalkDir(a.dir, func(at string, _ os.DirEntry, err error) error {
		if strings.HasPrefix(filepath.Base(at), ".weft") {
			t.Errorf("%s is left", at)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestRunningAsTree: a running guest gets the same files, modes and words as its tree would.
func TestRunningAsTree(t *testing.T) {
	t.Parallel()
	for _, style := range []string{"netplan", "networkmanager", "networkd", "interfaces"} {
		t.Run(style, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"etc/hostname": "localhost\n", "root/.ssh/authorized_keys": "ssh-rsa mine"}
			dir, tr := tree(t, files)
			a := running(t, files)
			for _, nics := range []int{2, 2, 1} {
				want := run(t, tr, guest(nics), style, false)
				got, err := inject(t, a, nics, style, false)
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("%d NICs: %q, %v; expected %q", nics, got, err, want)
				}
			}
			err := filepath.WalkDir(dir, func(at string, d os.DirEntry, err error) error {
				if name, _ := filepath.Rel(dir, at); err == nil && !d.IsDir() {
					info, err := d.Info()
					if err != nil || content(t, a.dir, name) != content(t, dir, name) || mode(t, a, name) != info.Mode().Perm() {
						t.Errorf("%s differs, %v", name, err)
					}
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
			leftovers(t, a)
		})
	}
}

// TestRunningStyle: the same marks count, seen by stat(1) or by opening files.
func TestRunningStyle(t *testing.T) {
	t.Parallel()
	for want, files := range map[string]map[string]string{
		"netplan":        {"usr/sbin/netplan": "", "usr/sbin/NetworkManager": "", "sbin/ifup": ""},
		"networkmanager": {"usr/sbin/NetworkManager": "x", "sbin/ifup": "", "usr/lib/systemd/systemd-networkd": ""},
		"interfaces":     {"sbin/ifup": "", "usr/lib/systemd/systemd-networkd": ""},
		"networkd":       {"usr/lib/systemd/systemd-networkd": "", "etc/hostname": ""},
		"":               {"etc/hostname": ""},
	} {
		for _, refused := range [][]string{nil, {"guest-exec"}} {
			r, err := OpenRunning(t.Context(), running(t, files, refused...))
			if err != nil {
				t.Fatal(err)
			}
			s, why, err := styleOf(t.Context(), r, "")
			if s.name != want || (err == nil) != (want != "") || err == nil && !strings.HasPrefix(why, "the guest has ") {
				t.Errorf("without %q: %s, %q, %v; expected %s", refused, s.name, why, err, want)
			}
		}
	}
}

// TestRunningWithoutCommands: nothing is made or removed, because the agent makes files that everybody may write. What is there keeps its mode.
func TestRunningWithoutCommands(t *testing.T) {
	t.Parallel()
	a := running(t, map[string]string{"etc/hostname": "localhost\n", "etc/netplan/": "", "etc/systemd/network/05-weft0.network": "# Written by `weft inject`, which replaces it.\n"}, "guest-exec")
	_, err := inject(t, a, 1, "netplan", false)
	for _, want := range []string{"guest-exec is disabled in the guest", "\n  install -D -m 600 /dev/null /etc/netplan/90-weft.yaml\n",
		"\n  rm /etc/systemd/network/05-weft0.network\n", "\n  install -d -m 700 /root/.ssh\n  install -m 600 /dev/null /root/.ssh/authorized_keys"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; expected %q", err, want)
		}
	}
	if content(t, a.dir, "etc/hostname") != "localhost\n" || len(a.ran) > 0 {
		t.Errorf("something was written, or run: %q", a.ran)
	}
	for _, name := range []string{"etc/netplan/90-weft.yaml", "root/.ssh/authorized_keys"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(a.dir, name)), 0o700), os.WriteFile(filepath.Join(a.dir, name), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(a.dir, "etc/systemd/network/05-weft0.network")); err != nil {
		t.Fatal(err)
	}
	want := []string{"etc/netplan/90-weft.yaml configured", "etc/hostname configured", "root/.ssh/authorized_keys configured"}
	if did, err := inject(t, a, 1, "netplan", false); err != nil || !slices.Equal(did, want) {
		t.Errorf("%q, %v", did, err)
	}
	if mode(t, a, "etc/netplan/90-weft.yaml") != 0o600 || content(t, a.dir, "etc/hostname") != "web-1\n" {
		t.Error("it is not written, or with another mode")
	}
	if did, err := inject(t, a, 1, "netplan", false); err != nil || strings.Contains(strings.Join(did, " "), "configured") {
		t.Errorf("twice: %q, %v", did, err)
	}
}

// TestRunningRefusals: what is in the way is named, and nothing is written.
func TestRunningRefusals(t *testing.T) {
	t.Parallel()
	files := map[string]string{"etc/netplan/90-weft.yaml": "mine\n", "etc/netplan/50-cloud-init.yaml": "x", "etc/hostname": "localhost\n"}
	a := running(t, files)
	if _, err := inject(t, a, 1, "netplan", false); err == nil || !strings.Contains(err.Error(), "etc/netplan/90-weft.yaml was not written by weft inject") {
		t.Error(err)
	}
	r, err := OpenRunning(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := r.Plan(t.Context(), guest(1), "netplan", true); err != nil || !slices.Equal(p.Others, []string{"etc/netplan/50-cloud-init.yaml"}) {
		t.Errorf("%q, %v", p.Others, err)
	}
	for what, make := range map[string]func(string) error{"link": func(at string) error { return os.Symlink("passwd", at) },
		"fifo": func(at string) error { return syscall.Mkfifo(at, 0o600) }, "folder": func(at string) error { return os.Mkdir(at, 0o755) }} {
		a := running(t, map[string]string{"etc/passwd": "root"})
		if err := make(filepath.Join(a.dir, "etc/hostname")); err != nil {
			t.Fatal(err)
		}
		if _, err := inject(t, a, 1, "networkd", true); err == nil || !strings.Contains(err.Error(), "etc/hostname is not a regular file") {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := os.Stat(filepath.Join(a.dir, "etc/systemd")); err == nil {
			t.Errorf("%s: something was written", what)
		}
	}
	a = running(t, map[string]string{"etc/hostname": strings.Repeat("a", maxFile+1)})
	if _, err := inject(t, a, 1, "networkd", false); err == nil || !strings.Contains(err.Error(), "etc/hostname has more than") {
		t.Error(err)
	}
	_, err = OpenRunning(t.Context(), running(t, nil, "guest-file-open", "guest-file-write"))
	if err == nil || !strings.Contains(err.Error(), "does not carry out guest-file-open, guest-file-write: allow that in the guest") {
		t.Error(err)
	}
}

// TestRunningFailsHalfway: a step that fails leaves the old file, and no other.
func TestRunningFailsHalfway(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"mkdir", "install", "chown", "chmod", "mv"} {
		a := running(t, map[string]string{"etc/hostname": "localhost\n", "etc/netplan/90-weft.yaml": "mine\n"})
		a.fail = map[string]guestagent.Output{step: {Code: 3, Err: "no room"}}
		style := "netplan"
		if step == "mkdir" {
			style = "networkd"
		}
		_, err := inject(t, a, 1, style, true)
		if err == nil || !strings.Contains(err.Error(), "`"+step+" ") || !strings.Contains(err.Error(), "ended with 3 in the guest: no room") {
			t.Errorf("%s: %v", step, err)
		}
		if content(t, a.dir, "etc/netplan/90-weft.yaml") != "mine\n" || content(t, a.dir, "etc/hostname") != "localhost\n" {
			t.Errorf("%s: something was written", step)
		}
		leftovers(t, a)
	}
	a := running(t, nil)
	a.fail = map[string]guestagent.Output{"stat": {Code: 1, Err: "unknown option"}}
	if _, err := OpenRunning(t.Context(), a); err == nil || !strings.Contains(err.Error(), "unknown option") {
		t.Error(err)
	}
}

// TestForce: what is run to put each style in force, and what becomes of a command that fails.
func TestForce(t *testing.T) {
	t.Parallel()
	for style, want := range map[string]string{
		"netplan":        "netplan apply",
		"networkmanager": "nmcli connection reload, nmcli connection up weft0, nmcli connection up weft1",
		"networkd":       "networkctl reload, networkctl reconfigure ens3 ens4",
		"interfaces":     "ifdown ens3, ifdown --force ens3=weft0, ifup ens3=weft0, ifdown ens4, ifdown --force ens4=weft1, ifup ens4=weft1",
	} {
		a := running(t, map[string]string{"etc/hostname": "web-1\n"})
		r, err := OpenRunning(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		p, err := r.Plan(t.Context(), guest(2), style, false)
		if err != nil || !p.NetworkChanged() || len(p.ForceHostname()) > 0 {
			t.Fatalf("%s: %v, %v, %v", style, err, p.NetworkChanged(), p.ForceHostname())
		}
		a.ran = nil
		a.fail = map[string]guestagent.Output{"ifdown": {Code: 1}}
		if err := r.Force(t.Context(), p.ForceNetwork([]string{"ens3", "ens4"})); err != nil || strings.Join(a.ran, ", ") != want {
			t.Errorf("%s: %q, %v; expected %q", style, a.ran, err, want)
		}
		a.fail = map[string]guestagent.Output{strings.Fields(want)[0]: {Code: 9, Err: "no bus"}, "ifup": {Code: 9, Err: "no bus"}}
		if err := r.Force(t.Context(), p.ForceNetwork([]string{"ens3", "ens4"})); err == nil || !strings.Contains(err.Error(), "ended with 9 in the guest: no bus") {
			t.Errorf("%s: %v", style, err)
		}
	}
	a := running(t, map[string]string{"etc/hostname": "localhost\n"})
	if _, err := inject(t, a, 1, "networkd", false); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(a.dir, "etc/hostname"), []byte("other\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := OpenRunning(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	p, err := r.Plan(t.Context(), guest(1), "networkd", false)
	if err != nil || p.NetworkChanged() || fmt.Sprint(p.ForceHostname()) != "[hostname web-1]" {
		t.Errorf("another name: %v, %v, %v", err, p.NetworkChanged(), p.ForceHostname())
	}
}

// FuzzSeen: whatever a guest says instead of stat(1), only names that were asked for are seen.
func FuzzSeen(f *testing.F) {
	for _, text := range []string{"", "81a4 0 0 /etc/hostname\n", "81a4 0 0 /etc/shadow\n", "a1ff 0 0 /etc\n41ed -1 0 /etc\n", "ffffffff 99999999999 0 /etc", "x y z /etc\n81a4 0 0",
		"ff 0 0\xef etc", "41ed 0 0 /etc\n41ed 4294967295 0 /sbin/ifup"} {
		f.Add(text)
	}
	names := places()
	f.Fuzz(func(t *testing.T, text string) {
		for name, s := range seenOf(text, names) {
			if !slices.Contains(names, name) || s.uid < 0 || s.gid < 0 || !strings.Contains(text, "/"+name) {
				t.Fatalf("%q: %s is seen as %+v", text, name, s)
			}
		}
	})
}
