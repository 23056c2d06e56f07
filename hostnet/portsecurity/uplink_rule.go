package portsecurity

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"weft/hostnet/object"
)

// The name of an uplink's chain contains the device's name in hexadecimal, because a device's name may have characters that a
// chain's name must not have.
const uplinkChain = "uplink-"

// uplinkComment marks the one rule of such a chain. The number must change when the rule changes.
const uplinkComment = "weft uplink 1"

func chainOf(device string) string { return uplinkChain + hex.EncodeToString([]byte(device)) }

// deviceOf is the device that a chain is for. It is false for a chain that is not ours.
func deviceOf(chain string) (string, bool) {
	digits, ours := strings.CutPrefix(chain, uplinkChain)
	name, err := hex.DecodeString(digits)
	return string(name), ours && err == nil && len(name) > 0
}

// uplinkText makes an uplink's chain and removes everything else from it. The rule drops frames with a tag of id 0 (bits 116 to
// 127 of the frame) before another tag.
func uplinkText(device string) string {
	chain := "netdev " + tableName + " " + chainOf(device)
	return fmt.Sprintf("add table netdev %s\nadd chain %s { type filter hook ingress device %q priority -500; policy accept; }\n"+
		"flush chain %s\nadd rule %s @ll,96,16 { 0x8100, 0x88a8 } @ll,116,12 0 @ll,128,16 { 0x8100, 0x88a8 } drop comment %q\n",
		tableName, chain, device, chain, chain, uplinkComment)
}

// wordless says that nft cannot name such a device, or would match several devices.
func wordless(device string) bool { return strings.ContainsAny(device, "\"\\*\n") }

// readUplinks reads which uplinks have their rule, and what is wrong with the others.
func (d *Driver) readUplinks(ctx context.Context) (map[string]string, error) {
	found, err := d.rules(ctx, nftables.TableFamilyNetdev)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	uplinks := map[string]string{}
	for _, r := range found {
		device, ours := deviceOf(r.Chain)
		if !ours {
			continue
		}
		_, second := uplinks[device]
		known, seen := d.uplinkRules[device]
		if r.Comment != uplinkComment || second || seen && known != r.Handle {
			uplinks[device] = fmt.Sprintf("a rule (handle %d) is not ours", r.Handle)
			continue
		}
		uplinks[device], d.uplinkRules[device] = "", r.Handle
	}
	return uplinks, nil
}

// applyUplink makes or removes an uplink's chain. The table stays when its last chain is removed.
func (d *Driver) applyUplink(ctx context.Context, c object.Change) error {
	device := c.Key().Name
	delete(d.uplinkRules, device)
	if c.Op == object.Delete {
		d.conn.DelChain(&nftables.Chain{Name: chainOf(device), Table: &nftables.Table{Name: tableName, Family: nftables.TableFamilyNetdev}})
		if err := d.conn.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("%s: delete its chain: %w", c.Key(), err)
		}
	} else if wordless(device) {
		return fmt.Errorf("%s: nft cannot name such a device in its rules: rename the device", c.Key())
	} else if err := d.program.Load(ctx, uplinkText(device)); err != nil {
		return fmt.Errorf("%s: %w", c.Key(), err)
	}
	if _, err := d.refresh(ctx); err != nil {
		return fmt.Errorf("%s: read back: %w", c.Key(), err)
	}
	return nil
}
