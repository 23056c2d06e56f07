package nft

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
	"weft/hostnet/object"
)

// applyTable makes one change of the namespace's table. If only the namespace's own values differ, only those change. If the
// rules differ from ours, the table is made again together with its mappings, in one transaction.
func (s *space) applyTable(ctx context.Context, c object.Change, versions *versions) error {
	if c.Op == object.Delete {
		return s.deleteTable(ctx)
	}
	want, ok := c.Desired.(*object.NATTable)
	if !ok {
		return fmt.Errorf("%s: not a kind of the nft driver", c.Key())
	}
	if err := checkTable(want); err != nil {
		return err
	}
	var sound bool
	var remove, add []element
	s.current(func(v *cache) {
		sound = v.sound(want, versions)
		remove, add = v.hostDelta(want)
	})
	var err error
	if sound {
		err = s.ctl.transact(ctx, 0, append(elementRequests(unix.NFT_MSG_DELSETELEM, remove), elementRequests(unix.NFT_MSG_NEWSETELEM, add)...))
	}
	if !sound || err != nil {
		err = s.rebuild(ctx, want, versions.of(ruleKey{want.Role, want.Limits}))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", want.Key(), err)
	}
	return nil
}

// hostDelta is the difference between the namespace's own sets and the desired ones. Removals come first, because a key of a map
// cannot be added while it has another value. Both are in one transaction, so nobody sees one without the other.
func (v *cache) hostDelta(want *object.NATTable) (remove, add []element) {
	wanted := hostElements(want)
	for e := range v.small {
		if !wanted[e] && e.set != setSeal {
			remove = append(remove, e)
		}
	}
	for e := range wanted {
		if !v.small[e] {
			add = append(add, e)
		}
	}
	return remove, add
}

func (s *space) deleteTable(ctx context.Context) error {
	err := s.ctl.transact(ctx, 0, []*netlink.Request{deleteTableRequest()})
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("delete table %s: %w", tableName, err)
	}
	return nil
}

func deleteTableRequest() *netlink.Request {
	return newRequest(unix.NFT_MSG_DELTABLE, 0).Text(unix.NFTA_TABLE_NAME, tableName)
}

// rebuild makes the table again and then seals it: it puts the digest of what the kernel shows of the table into the table. A
// later start uses the seal to see whether somebody changed the table. Each step is only valid for the generation that was read
// before it. If somebody else writes meanwhile, both steps are repeated.
func (s *space) rebuild(ctx context.Context, want *object.NATTable, version string) error {
	rules, err := ruleSetOf(ruleKey{want.Role, want.Limits})
	if err != nil {
		return err
	}
	parts, err := rules.requests()
	if err != nil {
		return err
	}
	for range dumpTries {
		err := s.tryRebuild(ctx, want, version, parts)
		if !errors.Is(err, errGeneration) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return fmt.Errorf("make table %s: %w, %d times in a row", tableName, errGeneration, dumpTries)
}

func (s *space) tryRebuild(ctx context.Context, want *object.NATTable, version string, parts []*netlink.Request) error {
	before, err := s.ctl.readCache(ctx)
	if err != nil {
		return err
	}
	var batch []*netlink.Request
	if before.exists {
		batch = append(batch, deleteTableRequest())
	}
	batch = append(batch, newRequest(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE).Text(unix.NFTA_TABLE_NAME, tableName).
		NetworkUint32(unix.NFTA_TABLE_FLAGS, 0).Attr(tableUserData, comment(tableComment(want, version))...))
	batch = append(batch, parts...)
	var elements []element
	for e := range hostElements(want) {
		elements = append(elements, e)
	}
	if want.Role == object.NATRouter {
		elements = append(elements, before.restored()...)
	}
	batch = append(batch, elementRequests(unix.NFT_MSG_NEWSETELEM, elements)...)
	if err := s.ctl.transact(ctx, before.generation, batch); err != nil {
		return err
	}
	after, err := s.ctl.readCache(ctx)
	if err != nil {
		return err
	}
	if after.generation != before.generation+1 {
		return errGeneration
	}
	seal := element{set: setSeal, key: after.digest}
	return s.ctl.transact(ctx, after.generation, elementRequests(unix.NFT_MSG_NEWSETELEM, []element{seal}))
}
