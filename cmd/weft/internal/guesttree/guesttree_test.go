package guesttree

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"weft/hostnet/guestconfig"
)

func guest(nics int) guestconfig.Guest {
	g := guestconfig.Guest{InstanceID: "id", Hostname: "web-1", SSHKeys: []string{"ssh-ed25519 AAAA ops"}}
	for i := range nics {
		g.NICs = append(g.NICs, guestconfig.NIC{ID: string(rune('a' + i)), MAC: []byte{0xfa, 0x16, 0x3e, 0, 0, byte(i)},
			Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.5/24")}})
	}
	return g
}

// tree makes a tree of files. A name that ends in a slash is a folder.
func tree(t *testing.T, files map[string]string) (string, *Tree) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(at, 0o755); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	tr, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return dir, tr
}

// run plans and applies, and returns "path did" of each file.
func run(t *testing.T, tr *Tree, g guestconfig.Guest, style string, force bool) []string {
	t.Helper()
	p, err := tr.Plan(t.Context(), g, style, force)
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Apply(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	var did []string
	for _, c := range p.Files {
		did = append(did, c.Path+" "+c.Did())
	}
	return did
}

func content(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestWritesOnce: what is written is there with its mode, a second run changes nothing, and a NIC or a style that is gone takes its file
// with it.
func TestWritesOnce(t *testing.T) {
	t.Parallel()
	dir, tr := tree(t, map[string]string{"etc/hostname": "localhost\n", "root/.ssh/authorized_keys": "ssh-rsa mine", "etc/systemd/network/": ""})
	got := run(t, tr, guest(2), "networkd", false)
	want := []string{"etc/systemd/network/05-weft0.network created", "etc/systemd/network/05-weft1.network created", "etc/hostname configured",
		"root/.ssh/authorized_keys configured"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if text := content(t, dir, keysPath); text != "ssh-rsa mine\n"+keysBegin+"\nssh-ed25519 AAAA ops\n"+keysEnd+"\n" {
		t.Errorf("the keys are %q", text)
	}
	if text := content(t, dir, hostnamePath); text != "web-1\n" {
		t.Errorf("the name is %q", text)
	}
	p, err := tr.Plan(t.Context(), guest(2), "networkd", false)
	if err != nil || p.Diff() != "" {
		t.Errorf("a second run would change, %v:\n%s", err, p.Diff())
	}
	if got := run(t, tr, guest(1), "networkd", false); !slices.Contains(got, "etc/systemd/network/05-weft1.network removed") {
		t.Errorf("a NIC less: %q", got)
	}
	if got := run(t, tr, guest(1), "networkmanager", false); !slices.Contains(got, "etc/systemd/network/05-weft0.network removed") {
		t.Errorf("another style: %q", got)
	}
	info, err := os.Stat(filepath.Join(dir, "etc/NetworkManager/system-connections/weft0.nmconnection"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: NetworkManager reads only files that nobody else can read", info, err)
	}
	g := guest(1)
	g.SSHKeys = nil
	run(t, tr, g, "networkmanager", false)
	if text := content(t, dir, keysPath); text != "ssh-rsa mine\n" {
		t.Errorf("without keys: %q", text)
	}
	left, err := filepath.Glob(filepath.Join(dir, "etc", "*", "*", ".weft*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// TestOthersFilesStay: what others wrote is replaced only with force. The diff says what would happen, and writes nothing.
func TestOthersFilesStay(t *testing.T) {
	t.Parallel()
	dir, tr := tree(t, map[string]string{"etc/netplan/90-weft.yaml": "mine\n", "etc/netplan/50-cloud-init.yaml": "x"})
	if _, err := tr.Plan(t.Context(), guest(1), "netplan", false); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("%v", err)
	}
	p, err := tr.Plan(t.Context(), guest(1), "netplan", true)
	if err != nil || !strings.Contains(p.Diff(), "-mine\n+# Written by") || !strings.Contains(p.Diff(), "--- /dev/null\n+++ b/etc/hostname\n") {
		t.Errorf("%v\n%s", err, p.Diff())
	}
	if !slices.Equal(p.Others, []string{"etc/netplan/50-cloud-init.yaml"}) {
		t.Errorf("others: %q", p.Others)
	}
	if content(t, dir, "etc/netplan/90-weft.yaml") != "mine\n" {
		t.Error("a plan has written")
	}
	run(t, tr, guest(1), "netplan", true)
	if err := os.Chmod(filepath.Join(dir, "etc/netplan/90-weft.yaml"), 0o644); err != nil {
		t.Fatal(err)
	}
	if p, err := tr.Plan(t.Context(), guest(1), "netplan", false); err != nil || p.Diff() != "mode of etc/netplan/90-weft.yaml: 644 -> 600\n" {
		t.Errorf("%v, %q", err, p.Diff())
	}
}

// TestInterfacesIsIncluded: etc/network/interfaces must include Weft's file.
func TestInterfacesIsIncluded(t *testing.T) {
	t.Parallel()
	dir, tr := tree(t, map[string]string{"sbin/ifup": ""})
	if got := run(t, tr, guest(1), "", false); got[0] != interfacesPath+" created" || got[1] != mainPath+" created" {
		t.Errorf("%q", got)
	}
	if got := run(t, tr, guest(1), "", false); got[1] != mainPath+" unchanged" {
		t.Errorf("%q", got)
	}
	if err := os.WriteFile(filepath.Join(dir, mainPath), []byte("auto eth0\niface eth0 inet dhcp\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Plan(t.Context(), guest(1), "", false); err == nil || !strings.Contains(err.Error(), "does not include") {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, mainPath), []byte("source-directory interfaces.d\niface eth0 inet dhcp\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if p, err := tr.Plan(t.Context(), guest(1), "", false); err != nil || !slices.Contains(p.Others, mainPath) {
		t.Errorf("%v, %q", err, p.Others)
	}
}

func TestStyleOfTheTree(t *testing.T) {
	t.Parallel()
	for want, files := range map[string]map[string]string{
		"netplan":        {"usr/sbin/netplan": "", "usr/sbin/NetworkManager": "", "sbin/ifup": ""},
		"networkmanager": {"usr/sbin/NetworkManager": "", "sbin/ifup": "", "usr/lib/systemd/systemd-networkd": ""},
		"interfaces":     {"sbin/ifup": "", "usr/lib/systemd/systemd-networkd": ""},
		"networkd":       {"usr/lib/systemd/systemd-networkd": ""},
	} {
		_, tr := tree(t, files)
		if s, why, err := styleOf(t.Context(), tr, ""); err != nil || s.name != want || why == "" {
			t.Errorf("%s, %q, %v; expected %s", s.name, why, err, want)
		}
	}
	dir, tr := tree(t, map[string]string{"sbin/ifup": "", "etc/systemd/system/multi-user.target.wants/": ""})
	if err := os.Symlink("/lib/systemd/system/x", filepath.Join(dir, "etc/systemd/system/multi-user.target.wants/systemd-networkd.service")); err != nil {
		t.Fatal(err)
	}
	if s, _, err := styleOf(t.Context(), tr, ""); err != nil || s.name != "networkd" {
		t.Errorf("enabled: %s, %v", s.name, err)
	}
	_, tr = tree(t, nil)
	for _, name := range []string{"", "frob"} {
		if _, _, err := styleOf(t.Context(), tr, name); err == nil || !strings.Contains(err.Error(), "netplan, networkmanager, networkd, interfaces") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("a folder without etc is taken for a tree")
	}
}

// TestNothingOutsideOfTheTree: links that lead out, at any part of a path, and files that are no files are refused. What they lead to is
// neither read nor written.
func TestNothingOutsideOfTheTree(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	victim := filepath.Join(outside, "victim")
	link := func(to string) func(string) error { return func(at string) error { return os.Symlink(to, at) } }
	for at, makers := range map[string]map[string]func(string) error{
		"etc/hostname": {"absolute": link(victim), "relative": link("../../../../../../../.." + victim), "dangling": link(filepath.Join(outside, "new")),
			"inside": link("passwd"), "fifo": func(at string) error { return syscall.Mkfifo(at, 0o644) },
			"folder": func(at string) error { return os.Mkdir(at, 0o755) }},
		"root/.ssh/authorized_keys": {"absolute": link(victim), "fifo": func(at string) error { return syscall.Mkfifo(at, 0o644) }},
		"root/.ssh":                 {"absolute": link(outside), "relative": link("../../../../../../../.." + outside)},
		"etc/systemd/network":       {"absolute": link(outside)}, "etc/systemd": {"absolute": link(outside)},
		"etc/systemd/network/05-weft0.network": {"absolute": link(victim), "fifo": func(at string) error { return syscall.Mkfifo(at, 0o644) }},
	} {
		for how, make := range makers {
			if err := os.WriteFile(victim, []byte(guestconfig.Header), 0o644); err != nil {
				t.Fatal(err)
			}
			dir, tr := tree(t, map[string]string{"etc/passwd": "root"})
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, at)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := make(filepath.Join(dir, at)); err != nil {
				t.Fatal(err)
			}
			p, err := tr.Plan(t.Context(), guest(1), "networkd", true)
			if err == nil {
				err = tr.Apply(t.Context(), p)
			}
			if err == nil {
				t.Errorf("%s, %s: nothing was refused", at, how)
			}
			names, readErr := os.ReadDir(outside)
			if text, _ := os.ReadFile(victim); string(text) != guestconfig.Header || readErr != nil || len(names) != 1 {
				t.Errorf("%s, %s: outside there is %v, %q", at, how, names, text)
			}
		}
	}
}

// TestLargeFileIsRefused: a hostile tree does not fill the memory.
func TestLargeFileIsRefused(t *testing.T) {
	t.Parallel()
	dir, tr := tree(t, map[string]string{"etc/hostname": ""})
	if err := os.Truncate(filepath.Join(dir, "etc/hostname"), 1<<40); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Plan(t.Context(), guest(1), "networkd", false); err == nil || !strings.Contains(err.Error(), "etc/hostname has") {
		t.Errorf("%v", err)
	}
}

// TestHardLinkIsNotWrittenThrough: another name of the same file keeps its content.
func TestHardLinkIsNotWrittenThrough(t *testing.T) {
	t.Parallel()
	dir, tr := tree(t, map[string]string{"etc/hostname": "old\n"})
	other := filepath.Join(dir, "etc/other")
	if err := os.Link(filepath.Join(dir, "etc/hostname"), other); err != nil {
		t.Fatal(err)
	}
	run(t, tr, guest(1), "networkd", false)
	if content(t, dir, "etc/other") != "old\n" || content(t, dir, "etc/hostname") != "web-1\n" {
		t.Error("the link was written through")
	}
}

func TestIncludes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"": false, "source /etc/network/interfaces.d/*\n": true, "  source interfaces.d/*": true, "source /etc/network/interfaces.d/*.cfg": false,
		"# source /etc/network/interfaces.d/*": false, "source-directory /etc/network/interfaces.d/\n": true, "source-directory interfaces.d": true,
		"source-directory /etc/network": false, "source \\\n/etc/network/interfaces.d/*": true, "source [": false, "source": false,
		"source a /etc/network/interfaces.d/*": true,
	} {
		if includes(text) != want {
			t.Errorf("%q: expected %v", text, want)
		}
	}
}

// FuzzKeys: lines of others stay in their order, the second time changes nothing, and without keys nothing of Weft's is left.
func FuzzKeys(f *testing.F) {
	for _, text := range []string{"", "a", "a\nb\n", keysBegin + "\nx\n" + keysEnd + "\n", keysBegin + "\nx", "a\r\n" + keysEnd + "\nb", keysBegin + "\n" + keysBegin + "\n" + keysEnd} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		keys := []string{"ssh-ed25519 AAAA a", "ssh-ed25519 BBBB b"}
		once := withKeys(text, keys)
		if twice := withKeys(once, keys); twice != once {
			t.Fatalf("%q became %q, then %q", text, once, twice)
		}
		if !strings.HasSuffix(once, keysBegin+"\n"+strings.Join(keys, "\n")+"\n"+keysEnd+"\n") {
			t.Fatalf("%q has not the keys at its end: %q", text, once)
		}
		without := withKeys(once, nil)
		if before := withKeys(text, nil); without != before && without != before+"\n" {
			t.Fatalf("%q became %q, expected %q", text, without, before)
		}
		if !strings.Contains(text, keysBegin) && strings.TrimSuffix(without, "\n") != strings.TrimSuffix(text, "\n") {
			t.Fatalf("lines of others changed: %q became %q", text, without)
		}
	})
}

// FuzzInterfaces: every text is read.
func FuzzInterfaces(f *testing.F) {
	f.Add("source /etc/network/interfaces.d/*\niface eth0 inet dhcp\n")
	f.Fuzz(func(_ *testing.T, text string) {
		_ = includes(text)
		_ = configures(text)
	})
}
