package guesttree

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"weft/hostnet/guestconfig"
)

// Plan is what would be written into a tree.
type Plan struct {
	Style string
	Why   string // this style
	Files []Change
	// Others are files that may configure the same NICs and that Weft did not write.
	Others []string
}

const (
	hostnamePath = "etc/hostname"
	keysPath     = "root/.ssh/authorized_keys"
	mainPath     = "etc/network/interfaces"
	// maxNICs is the number of files of a style that are looked for to be removed.
	maxNICs = 32
	// maxOthers bounds what is listed of a folder.
	maxOthers = 100
)

// loopback is etc/network/interfaces if the tree has none.
const loopback = guestconfig.Header + "auto lo\niface lo inet loopback\n\nsource /etc/network/interfaces.d/*\n"

// Plan computes what is to be written. An empty style means the one that the tree has. Without force, a file that Weft did not write and
// that is in the way is an error.
func (t *Tree) Plan(g guestconfig.Guest, styleName string, force bool) (Plan, error) {
	s, why, err := t.style(styleName)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Style: s.name, Why: why}
	wanted := map[string]bool{}
	for _, f := range s.render(g) {
		wanted[f.Path] = true
		if err := t.own(&p, f.Path, f.Data, fs.FileMode(f.Mode), force); err != nil {
			return Plan{}, err
		}
	}
	if s.name == "interfaces" {
		if err := t.mainInterfaces(&p, force); err != nil {
			return Plan{}, err
		}
	}
	if err := t.stale(&p, wanted); err != nil {
		return Plan{}, err
	}
	if err := t.hostname(&p, g.Hostname); err != nil {
		return Plan{}, err
	}
	if err := t.keys(&p, g.SSHKeys); err != nil {
		return Plan{}, err
	}
	p.Others = append(p.Others, t.others(s, wanted)...)
	return p, nil
}

// own plans a file that belongs to Weft.
func (t *Tree) own(p *Plan, name string, data []byte, mode fs.FileMode, force bool) error {
	old, err := t.read(name)
	if err != nil {
		return err
	}
	if old.there && !isOurs(old.data) && !force {
		return fmt.Errorf("%s was not written by weft inject: remove it, or replace it with --force", name)
	}
	p.Files = append(p.Files, Change{Path: name, New: data, Mode: mode, old: old})
	return nil
}

func isOurs(data []byte) bool { return bytes.HasPrefix(data, []byte(guestconfig.Header)) }

// mainInterfaces sees that ifupdown reads the folder.
func (t *Tree) mainInterfaces(p *Plan, force bool) error {
	old, err := t.read(mainPath)
	switch {
	case err != nil:
		return err
	case old.there && !isOurs(old.data) && includes(string(old.data)):
		if configures(string(old.data)) {
			p.Others = append(p.Others, mainPath)
		}
		return nil
	case old.there && !isOurs(old.data) && !force:
		return fmt.Errorf("%s does not include %s: add the line \"source /etc/network/interfaces.d/*\", or replace the file with --force", mainPath, interfacesPath)
	}
	p.Files = append(p.Files, Change{Path: mainPath, New: []byte(loopback), Mode: 0o644, old: old})
	return nil
}

// stale plans to remove what Weft wrote in another style, or for a NIC that is not there any more.
func (t *Tree) stale(p *Plan, wanted map[string]bool) error {
	for _, s := range styles() {
		for i := range maxNICs {
			name := s.written(i)
			if wanted[name] {
				continue
			}
			wanted[name] = true // once
			if !t.has(s.folder) {
				break
			}
			old, err := t.read(name)
			if err != nil {
				return err
			}
			if old.there && isOurs(old.data) {
				p.Files = append(p.Files, Change{Path: name, old: old})
			}
		}
	}
	return nil
}

// hostname plans the name of the guest. The file is one value, so it is replaced whoever wrote it.
func (t *Tree) hostname(p *Plan, name string) error {
	old, err := t.read(hostnamePath)
	if err == nil {
		p.Files = append(p.Files, Change{Path: hostnamePath, New: []byte(name + "\n"), Mode: 0o644, old: old})
	}
	return err
}

// keys plans root's keys. If there are none and never were, there is no file.
func (t *Tree) keys(p *Plan, keys []string) error {
	old, err := t.read(keysPath)
	if err != nil {
		return err
	}
	next := withKeys(string(old.data), keys)
	if next == "" && (!old.there || len(old.data) == 0) {
		return nil
	}
	c := Change{Path: keysPath, New: []byte(next), Mode: 0o600, old: old}
	if old.there && bytes.Equal(old.data, c.New) {
		c.Mode = old.mode // only what it says is Weft's
	}
	if next == "" {
		c.New = nil
	}
	p.Files = append(p.Files, c)
	return nil
}

// others lists files beside Weft's.
func (t *Tree) others(s style, wanted map[string]bool) (names []string) {
	f, err := t.root.Open(s.folder)
	if err != nil {
		return nil
	}
	defer f.Close()
	entries, _ := f.ReadDir(maxOthers)
	for _, e := range entries {
		name := s.folder + "/" + e.Name()
		if strings.HasSuffix(name, s.suffix) && !wanted[name] && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, name)
		}
	}
	return names
}

// Diff shows what the plan changes, as unified diffs. It is empty if that is nothing.
func (p Plan) Diff() string {
	var b strings.Builder
	for _, c := range p.Files {
		if c.unchanged() {
			continue
		}
		oldName, newName := "a/"+c.Path, "b/"+c.Path
		if !c.old.there {
			oldName = "/dev/null"
		}
		if c.New == nil {
			newName = "/dev/null"
		}
		if text := diff.Diff(oldName, c.old.data, newName, c.New); len(text) > 0 {
			b.Write(text)
		} else {
			fmt.Fprintf(&b, "mode of %s: %o -> %o\n", c.Path, c.old.mode, c.Mode)
		}
	}
	return b.String()
}
