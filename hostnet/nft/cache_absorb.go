package nft

import (
	"golang.org/x/sys/unix"

	"weft/hostnet/netlink"
)

func (s *space) setWatched(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watched = yes
	s.advance() // those who wait for notifications look again
}

// absorb applies the notifications of one transaction, which led to the given generation, to the cache. If complete is false, the
// table must be dumped, because its structure changed or a transaction was missed.
func (s *space) absorb(changes []netlink.Message, generation uint32) (t *touched, complete bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t = newTouched()
	if int32(generation-s.cache.generation) <= 0 {
		return t, true, nil // a dump has shown it already
	}
	if generation != s.cache.generation+1 {
		return t, false, nil
	}
	for _, m := range changes {
		if ours, err := structural(m); err != nil || ours {
			return t, false, err
		}
	}
	for _, m := range changes {
		kind := messageOf(m)
		if kind != unix.NFT_MSG_NEWSETELEM && kind != unix.NFT_MSG_DELSETELEM {
			continue
		}
		elements, err := elementsOf(m)
		if err != nil {
			return t, false, err
		}
		for _, e := range elements {
			s.cache.put(e, kind == unix.NFT_MSG_NEWSETELEM, t)
		}
	}
	s.cache.generation = generation
	s.advance()
	return t, true, nil
}

// structural says whether a notification is about our table itself or about its chains, sets and rules. In all these messages the
// table's name is the first attribute.
func structural(m netlink.Message) (bool, error) {
	switch messageOf(m) {
	case unix.NFT_MSG_NEWTABLE, unix.NFT_MSG_DELTABLE, unix.NFT_MSG_NEWCHAIN, unix.NFT_MSG_DELCHAIN,
		unix.NFT_MSG_NEWSET, unix.NFT_MSG_DELSET, unix.NFT_MSG_NEWRULE, unix.NFT_MSG_DELRULE:
		a, err := attributesOf(m)
		return err == nil && ofOurTable(m, a[unix.NFTA_TABLE_NAME]), err
	}
	return false, nil
}
