package netlink

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// readAttempts bounds how often one link is read again because notifications of it arrived meanwhile.
const readAttempts = 20

// journal is what was absorbed since a reading began. The reading runs without the lock, so its result may be older or newer than
// these messages. They are absorbed once more after it. The last message says how things are, so the order of older ones does not
// matter.
type journal struct{ messages []Message }

// begin starts a journal after everything that the kernel has acknowledged was absorbed.
func (l *Links) begin() *journal {
	j := &journal{}
	l.feed.Locked(func(bool) { l.journals[j] = true })
	return j
}

// finish runs merge under the lock, after every notification that may be older than the reading was absorbed.
func (l *Links) finish(j *journal, merge func()) {
	l.feed.Locked(func(bool) {
		delete(l.journals, j)
		merge()
	})
}

// read reads all links and addresses again.
func (l *Links) read(ctx context.Context, reader *Listener) error {
	j := l.begin()
	fresh, err := l.dump(ctx)
	l.finish(j, func() {
		if err != nil {
			return
		}
		reader.passOver(func() {
			l.state.replace(fresh)
			for _, m := range j.messages {
				l.bring(m)
			}
		})
	})
	return err
}

func (l *Links) dump(ctx context.Context) (*linkState, error) {
	fresh := newLinkState()
	var failure error
	err := l.whole.Dump(ctx, "links", func() *Request {
		return NewRequest(unix.RTM_GETLINK, FlagsDump, LinkInfo(unix.AF_UNSPEC, 0, 0, 0))
	}, func() { clear(fresh.links); clear(fresh.names); failure = nil }, func(m Message) {
		link, ok, err := parseLink(m.Data)
		failure = errors.Join(failure, err)
		if ok {
			fresh.links[link.Index], fresh.names[link.Name] = link, link.Index
		}
	})
	if err = errors.Join(err, failure); err != nil {
		return nil, err
	}
	err = l.whole.Dump(ctx, "addresses", func() *Request {
		return NewRequest(unix.RTM_GETADDR, FlagsDump, make([]byte, AddressHeader))
	}, func() { clear(fresh.addresses); failure = nil }, func(m Message) {
		index, prefix, err := parseAddress(m.Data)
		failure = errors.Join(failure, err)
		if err == nil {
			fresh.addresses.add(index, prefix)
		}
	})
	return fresh, errors.Join(err, failure)
}

// readLink asks for one link. The kernel does not report some changes of a link that is down, for example its alias. So
// notifications cannot replace the answer. If notifications of that link arrive meanwhile, it is asked for again.
func (l *Links) readLink(name string, reader *Listener) error {
	for range readAttempts {
		j := l.begin()
		found, err := l.ask(name)
		again := false
		l.finish(j, func() {
			if err == nil {
				reader.passOver(func() { again = l.merge(name, found, j) })
				reader.knows(name)
			}
		})
		if err != nil || !again {
			return err
		}
	}
	return nil // so many notifications say enough
}

// ask returns nil if the link does not exist.
func (l *Links) ask(name string) (found *Link, err error) {
	var failure error
	r := NewRequest(unix.RTM_GETLINK, FlagsAct, LinkInfo(unix.AF_UNSPEC, 0, 0, 0)).Text(unix.IFLA_IFNAME, name)
	err = l.conn.One(r, func(m Message) {
		link, ok, err := parseLink(m.Data)
		if failure = err; err == nil && ok {
			found = &link
		}
	})
	if errors.Is(err, syscall.ENODEV) {
		return nil, nil
	}
	if err = errors.Join(err, failure); err != nil {
		return nil, fmt.Errorf("read link %s: %w", name, err)
	}
	return found, nil
}

// merge applies an answer, and then once more the notifications that arrived since the question. again says that some were about
// this link.
func (l *Links) merge(name string, found *Link, j *journal) (again bool) {
	old, known := l.state.named(name)
	if known && (found == nil || found.Index != old.Index) {
		l.state.remove(old.Index)
	}
	if found != nil {
		l.state.set(*found)
	}
	for _, m := range j.messages {
		l.bring(m)
		index := Index(m.Data)
		again = again || found != nil && index == found.Index || known && index == old.Index
	}
	return again
}
