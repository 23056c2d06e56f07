package hostfilter

import (
	"context"
	"crypto/sha256"
	_ "embed" // the rules are a file of their own
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	own "weft/hostnet/nftables"
	"weft/hostnet/object"
)

//go:embed rules.nft
var rules string

// version distinguishes versions of the rules.
var version = func() string {
	sum := sha256.Sum256([]byte(rules))
	return hex.EncodeToString(sum[:6])
}()

// Apply loads the tables if they are wrong, then changes all elements in one transaction.
func (d *Driver) Apply(ctx context.Context, changes []object.Change) []error {
	d.mu.Lock()
	defer d.mu.Unlock()
	errs := make([]error, len(changes))
	var devices []int
	for i, c := range changes {
		switch {
		case ctx.Err() != nil:
			errs[i] = fmt.Errorf("%s: %w", c.Key(), ctx.Err())
		case c.Key().Kind == object.KindSilentDevice:
			devices = append(devices, i)
		default:
			errs[i] = d.applyTables(ctx, c)
		}
	}
	d.applyDevices(ctx, changes, devices, errs)
	return errs
}

func (d *Driver) applyTables(ctx context.Context, c object.Change) error {
	if c.Op == object.Delete {
		for _, t := range tables {
			d.conn.DelTable(t)
			if err := d.conn.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
				return fmt.Errorf("host filter: delete table %s: %w", title(t), err)
			}
		}
	} else if err := d.load(ctx); err != nil {
		return err
	}
	d.handles = nil
	if _, err := d.refresh(ctx); err != nil {
		return fmt.Errorf("host filter: read back: %w", err)
	}
	if c.Op != object.Delete && d.cache.faults != "" {
		return fmt.Errorf("host filter: the tables were loaded and are not right: %s", d.cache.faults)
	}
	return nil
}

// load makes both tables again, with the devices that they have, in one transaction.
func (d *Driver) load(ctx context.Context) error {
	if err := d.program.Load(ctx, tableText(d.cache.names())); err != nil {
		return fmt.Errorf("host filter: load tables inet weft and arp weft: %w", err)
	}
	return nil
}

// tableText is the transaction that replaces the tables, whatever their content.
func tableText(devices []string) string {
	quoted := make([]string, len(devices))
	for i, name := range devices {
		if stem, star := strings.CutSuffix(name, "*"); star { // otherwise it would mean every name with this prefix, which no set accepts
			name = stem + `\*`
		}
		quoted[i] = `"` + name + `"`
	}
	elements := strings.Join(quoted, ", ")
	text := fmt.Sprintf(rules, elements, version, version, elements, version, version)
	if len(devices) == 0 {
		text = strings.ReplaceAll(text, "\t\telements = {  }\n", "")
	}
	var head strings.Builder
	for _, t := range tables {
		fmt.Fprintf(&head, "add table %s\ndelete table %s\n", title(t), title(t))
	}
	return head.String() + text
}

// applyDevices changes the sets. If the kernel refuses all changes together, each is tried alone, from the present state.
func (d *Driver) applyDevices(ctx context.Context, changes []object.Change, which []int, errs []error) {
	if len(which) == 0 {
		return
	}
	if d.commit(changes, which) == nil {
		return
	}
	if _, err := d.refresh(ctx); err != nil {
		for _, i := range which {
			errs[i] = fmt.Errorf("%s: read back: %w", changes[i].Key(), err)
		}
		return
	}
	for n, i := range which {
		if err := d.commit(changes, which[n:n+1]); err != nil {
			errs[i] = fmt.Errorf("%s: %w", changes[i].Key(), err)
		}
	}
}

// commit sends changes of devices as one transaction and updates the cache.
func (d *Driver) commit(changes []object.Change, which []int) error {
	for n, t := range tables {
		var come, gone []nftables.SetElement
		for _, i := range which {
			device, has := changes[i].Key().Name, d.cache.devices[n][changes[i].Key().Name]
			if len(device) == 0 || len(device) >= nameSize {
				return fmt.Errorf("device %q: a name has 1 to %d bytes", device, nameSize-1)
			}
			key := make([]byte, nameSize)
			copy(key, device)
			switch wanted := changes[i].Op != object.Delete; {
			case wanted && !has:
				come = append(come, nftables.SetElement{Key: key})
			case !wanted && has:
				gone = append(gone, nftables.SetElement{Key: key})
			}
		}
		set := &nftables.Set{Table: t, Name: setName}
		if err := errors.Join(own.Queue(set, gone, d.conn.SetDeleteElements), own.Queue(set, come, d.conn.SetAddElements)); err != nil {
			return err
		}
	}
	if err := d.conn.Flush(); err != nil {
		return fmt.Errorf("change the sets of tables inet weft and arp weft: %w", err)
	}
	for _, i := range which {
		for _, set := range d.cache.devices {
			if changes[i].Op == object.Delete {
				delete(set, changes[i].Key().Name)
			} else {
				set[changes[i].Key().Name] = true
			}
		}
	}
	return nil
}
