package guesttree

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"weft/hostnet/guestconfig"
)

// files are the files of a guest, wherever they are. Names are relative to the guest's root.
type files interface {
	// noun says to people where they are.
	noun() string
	// read reads a regular file. What is none, or too large, is an error.
	read(ctx context.Context, name string) (existing, error)
	// has says that there is something under the name, links within the guest followed.
	has(ctx context.Context, name string) (bool, error)
	// hasLink says that there is something under the name, be it a link that leads nowhere.
	hasLink(ctx context.Context, name string) (bool, error)
	// list names at most limit entries of a folder. A folder that is not there has none.
	list(ctx context.Context, folder string, limit int) ([]string, error)
}

// Plan is what would be written into a guest's files.
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

// plan computes what is to be written. An empty style means the one that the guest has. Without force, a file that Weft did not write and
// that is in the way is an error.
func plan(ctx context.Context, from files, g guestconfig.Guest, styleName string, force bool) (Plan, error) {
	s, why, err := styleOf(ctx, from, styleName)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Style: s.name, Why: why}
	wanted := map[string]bool{}
	for _, f := range s.render(g) {
		wanted[f.Path] = true
		if err := own(ctx, from, &p, f, force); err != nil {
			return Plan{}, err
		}
	}
	if s.name == "interfaces" {
		if err := mainInterfaces(ctx, from, &p, force); err != nil {
			return Plan{}, err
		}
	}
	if err := stale(ctx, from, &p, wanted); err != nil {
		return Plan{}, err
	}
	if err := hostname(ctx, from, &p, g.Hostname); err != nil {
		return Plan{}, err
	}
	if err := keys(ctx, from, &p, g.SSHKeys); err != nil {
		return Plan{}, err
	}
	beside, err := others(ctx, from, s, wanted)
	p.Others = append(p.Others, beside...)
	return p, err
}

// own plans a file that belongs to Weft.
func own(ctx context.Context, from files, p *Plan, f guestconfig.File, force bool) error {
	old, err := from.read(ctx, f.Path)
	if err != nil {
		return err
	}
	if old.isOthers() && !force {
		return fmt.Errorf("%s was not written by weft inject: remove it, or replace it with --force", f.Path)
	}
	p.Files = append(p.Files, Change{Path: f.Path, New: f.Data, Mode: fs.FileMode(f.Mode), old: old})
	return nil
}

func isOurs(data []byte) bool { return bytes.HasPrefix(data, []byte(guestconfig.Header)) }

// isOthers says that somebody else wrote the file. An empty one belongs to nobody.
func (e existing) isOthers() bool { return e.there && len(e.data) > 0 && !isOurs(e.data) }

// mainInterfaces sees that ifupdown reads the folder.
func mainInterfaces(ctx context.Context, from files, p *Plan, force bool) error {
	old, err := from.read(ctx, mainPath)
	switch {
	case err != nil:
		return err
	case old.isOthers() && includes(string(old.data)):
		if configures(string(old.data)) {
			p.Others = append(p.Others, mainPath)
		}
		return nil
	case old.isOthers() && !force:
		return fmt.Errorf("%s does not include %s: add the line \"source /etc/network/interfaces.d/*\", or replace the file with --force", mainPath, interfacesPath)
	}
	p.Files = append(p.Files, Change{Path: mainPath, New: []byte(loopback), Mode: 0o644, old: old})
	return nil
}

// stale plans to remove what Weft wrote in another style, or for a NIC that is not there any more.
func stale(ctx context.Context, from files, p *Plan, wanted map[string]bool) error {
	for _, s := range styles() {
		if there, err := from.has(ctx, s.folder); err != nil {
			return err
		} else if !there {
			continue
		}
		for i := range maxNICs {
			name := s.written(i)
			if wanted[name] {
				continue
			}
			wanted[name] = true // once
			old, err := from.read(ctx, name)
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
func hostname(ctx context.Context, from files, p *Plan, name string) error {
	old, err := from.read(ctx, hostnamePath)
	if err == nil {
		p.Files = append(p.Files, Change{Path: hostnamePath, New: []byte(name + "\n"), Mode: 0o644, old: old})
	}
	return err
}

// keys plans root's keys. If there are none and never were, there is no file.
func keys(ctx context.Context, from files, p *Plan, keys []string) error {
	old, err := from.read(ctx, keysPath)
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
func others(ctx context.Context, from files, s style, wanted map[string]bool) (names []string, err error) {
	entries, err := from.list(ctx, s.folder, maxOthers)
	for _, entry := range entries {
		name := s.folder + "/" + entry
		if strings.HasSuffix(name, s.suffix) && !wanted[name] && !strings.HasPrefix(entry, ".") {
			names = append(names, name)
		}
	}
	return names, err
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
