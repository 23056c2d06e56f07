package tagfilter

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// refresh replaces the view by what the links have and lists the keys that differ. The caller holds the lock.
func (d *Driver) refresh() ([]object.Key, error) {
	fresh, err := d.read()
	if err != nil {
		return nil, err
	}
	var changed []object.Key
	for device, f := range d.view {
		if now, there := fresh[device]; !there || now != f {
			changed = append(changed, object.Key{Kind: object.KindTagFilter, Name: device})
		}
	}
	for device := range fresh {
		if _, known := d.view[device]; !known {
			changed = append(changed, object.Key{Kind: object.KindTagFilter, Name: device})
		}
	}
	d.view = fresh
	return changed, nil
}

func (d *Driver) read() (map[string]filter, error) {
	links, err := dumped(d.handle.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	qdiscs, err := dumped(func() ([]netlink.Qdisc, error) { return d.handle.QdiscList(nil) })
	if err != nil {
		return nil, fmt.Errorf("list qdiscs: %w", err)
	}
	classified := map[int]bool{}
	for _, q := range qdiscs {
		if q.Type() == "clsact" {
			classified[q.Attrs().LinkIndex] = true
		}
	}
	fresh := map[string]filter{}
	for _, l := range links {
		f, ours, err := d.readLink(l, classified[l.Attrs().Index])
		if err != nil {
			return nil, fmt.Errorf("link %s: %w", l.Attrs().Name, err)
		}
		if ours {
			f.index = l.Attrs().Index
			fresh[l.Attrs().Name] = f
		}
	}
	return fresh, nil
}

// readLink finds a program of ours at a link. One that went meanwhile is none.
func (d *Driver) readLink(l netlink.Link, classified bool) (f filter, ours bool, err error) {
	if x := l.Attrs().Xdp; x != nil && x.Attached {
		name, tag, err := infoOf(x.ProgId)
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return f, false, err
		}
		if name == programName {
			f.hook = object.TagFilterXDP
			f.strange, err = strangeness(f.hook, tag)
			return f, true, err
		}
	}
	if !classified {
		return f, false, nil
	}
	filters, err := dumped(func() ([]netlink.Filter, error) { return d.handle.FilterList(l, netlink.HANDLE_MIN_INGRESS) })
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EINVAL) {
		return f, false, nil
	}
	if err != nil {
		return f, false, fmt.Errorf("list filters: %w", err)
	}
	for _, x := range filters {
		if b, ok := x.(*netlink.BpfFilter); ok && b.Name == programName {
			f.hook = object.TagFilterTC
			f.strange, err = strangeness(f.hook, b.Tag)
			return f, true, err
		}
	}
	return f, false, nil
}

// strangeness says whether a program with our name is the one that would be loaded now.
func strangeness(hook object.TagFilterHook, tag string) (string, error) {
	p, err := load(hook)
	if err != nil {
		return "", err
	}
	defer unix.Close(p.fd)
	if p.tag != tag {
		return "another program (" + tag + ")", nil
	}
	return "", nil
}

// dumped repeats a dump that changes have interrupted.
func dumped[T any](list func() ([]T, error)) (found []T, err error) {
	for range dumpAttempts {
		if found, err = list(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return found, err
		}
	}
	return found, err
}
