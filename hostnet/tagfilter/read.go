package tagfilter

import (
	"context"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	own "weft/hostnet/netlink"
	"weft/hostnet/object"
)

// refresh replaces the cache by what the links have. It returns the keys that differ. The caller holds the lock.
func (d *Driver) refresh(ctx context.Context) ([]object.Key, error) {
	fresh, err := d.read(ctx)
	if err != nil {
		return nil, err
	}
	var changed []object.Key
	for device, f := range d.cache {
		if now, there := fresh[device]; !there || now != f {
			changed = append(changed, object.Key{Kind: object.KindTagFilter, Name: device})
		}
	}
	for device := range fresh {
		if _, known := d.cache[device]; !known {
			changed = append(changed, object.Key{Kind: object.KindTagFilter, Name: device})
		}
	}
	d.cache = fresh
	return changed, nil
}

func (d *Driver) read(ctx context.Context) (map[string]filter, error) {
	qdiscs, err := own.Consistent(ctx, "qdiscs", func() ([]netlink.Qdisc, error) { return d.handle.QdiscList(nil) })
	if err != nil {
		return nil, err
	}
	classified := map[int]bool{}
	for _, q := range qdiscs {
		if q.Type() == "clsact" {
			classified[q.Attrs().LinkIndex] = true
		}
	}
	var links []own.Link
	d.config.Links.View(func(c own.Cache) { links = c.All() })
	fresh := map[string]filter{}
	for _, l := range links {
		f, ours, err := d.readLink(ctx, l, classified[l.Index])
		if err != nil {
			return nil, fmt.Errorf("link %s: %w", l.Name, err)
		}
		if ours {
			f.index = l.Index
			fresh[l.Name] = f
		}
	}
	return fresh, nil
}

// readLink finds a program of ours on a link. A program that was removed meanwhile counts as none.
func (d *Driver) readLink(ctx context.Context, l own.Link, classified bool) (f filter, ours bool, err error) {
	if l.XDP != 0 {
		name, tag, err := infoOf(l.XDP)
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
	filters, err := own.Consistent(ctx, "filters", func() ([]netlink.Filter, error) {
		return d.handle.FilterList(deviceOf(l), netlink.HANDLE_MIN_INGRESS)
	})
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EINVAL) {
		return f, false, nil
	}
	if err != nil {
		return f, false, err
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

// deviceOf is a link in the form that the library needs.
func deviceOf(l own.Link) netlink.Link {
	return &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: l.Index, Name: l.Name}}
}

// strangeness says whether a program with our name differs from the one that would be loaded now.
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
