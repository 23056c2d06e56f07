package etcdschema

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	// memberPatience is how long a member may take to answer.
	memberPatience = 2 * time.Second
	// fullShare is the share of the quota, in percent, from which on the database counts as nearly full.
	fullShare = 75
	// longHistory is the number of revisions without compaction from which on a warning is given.
	longHistory = 200_000

	compactionAdvice = "history grows until the quota is reached; start etcd with --auto-compaction-mode=periodic --auto-compaction-retention=1h"
)

// Health is the state of etcd.
type Health struct {
	Members []MemberHealth `json:"members"` // by endpoint, in the order configured
	// Alarms are raised by etcd itself ("NOSPACE of member m1"). With NOSPACE it accepts no writes.
	Alarms []string `json:"alarms,omitempty"`
	// Revision is the newest revision. Compacted is the oldest one that is still there; 0 when nothing was ever compacted, or it is
	// not known.
	Revision  int64 `json:"revision"`
	Compacted int64 `json:"compacted,omitempty"`
	// Warnings say what is wrong and what to do.
	Warnings []string `json:"warnings,omitempty"`

	alarmWarnings []string
}

// MemberHealth is what one member says about itself.
type MemberHealth struct {
	Endpoint string `json:"endpoint"`
	Name     string `json:"name,omitempty"`
	Version  string `json:"version,omitempty"`
	Leads    bool   `json:"leads,omitempty"`
	// Size, InUse and Quota of its database in bytes. The quota is 0 when etcd does not report it (before 3.6).
	Size  int64 `json:"size"`
	InUse int64 `json:"inUse"`
	Quota int64 `json:"quota,omitempty"`
	// Error says why the member did not answer.
	Error string `json:"error,omitempty"`

	id, leader uint64
	revision   int64
	errors     []string
}

// Examine asks every configured member for its state. It takes a few seconds at most, whatever state etcd is in. It writes nothing,
// and works for any user.
func Examine(ctx context.Context, c *Client) Health {
	h := Health{Members: make([]MemberHealth, len(c.config.Endpoints))}
	var asked sync.WaitGroup
	for i, endpoint := range c.config.Endpoints {
		asked.Go(func() { h.Members[i] = c.examine(ctx, endpoint) })
	}
	asked.Wait()
	ctx, cancel := context.WithTimeout(ctx, memberPatience)
	defer cancel()
	names := map[uint64]string{}
	list, err := c.etcd.MemberList(ctx)
	if err == nil {
		for _, m := range list.Members {
			names[m.ID] = m.Name
		}
	}
	if alarms, err := c.etcd.AlarmList(ctx); err == nil {
		for _, a := range alarms.Alarms {
			at := fmt.Sprintf("%s of member %s", a.Alarm, nameOf(names, a.MemberID))
			h.Alarms = append(h.Alarms, at)
			h.alarmWarnings = append(h.alarmWarnings, "alarm "+at+": "+alarmAdvice(a.Alarm))
		}
	}
	slices.Sort(h.Alarms)
	slices.Sort(h.alarmWarnings)
	for i := range h.Members {
		h.Members[i].Name = names[h.Members[i].id]
		h.Revision = max(h.Revision, h.Members[i].revision)
	}
	if list != nil {
		h.warnOfMembers(list.Members)
	}
	h.Compacted = c.compacted(ctx)
	h.warn()
	return h
}

// alarmAdvice says what an alarm means and what to do about it.
func alarmAdvice(t etcdserverpb.AlarmType) string {
	switch t {
	case etcdserverpb.AlarmType_NOSPACE:
		return "etcd accepts no writes. Compact, defragment every member or raise --quota-backend-bytes, then run `etcdctl alarm disarm`"
	case etcdserverpb.AlarmType_CORRUPT:
		return "etcd refuses reads and writes, because the data of this member differs from that of the others. Stop the member, remove it " +
			"from the cluster, add it again with an empty data directory, then run `etcdctl alarm disarm`"
	}
	return "see etcd's documentation, then run `etcdctl alarm disarm`"
}

func nameOf(names map[uint64]string, id uint64) string {
	if n := names[id]; n != "" {
		return n
	}
	return fmt.Sprintf("%x", id)
}

// examine asks one member.
func (c *Client) examine(ctx context.Context, endpoint string) MemberHealth {
	ctx, cancel := context.WithTimeout(ctx, memberPatience)
	defer cancel()
	m := MemberHealth{Endpoint: endpoint}
	s, err := c.etcd.Status(ctx, endpoint)
	if err != nil {
		m.Error = explain(err).Error()
		return m
	}
	m.id, m.leader, m.revision, m.errors = s.Header.MemberId, s.Leader, s.Header.Revision, s.Errors
	m.Version, m.Leads, m.Size, m.InUse, m.Quota = s.Version, s.Leader == s.Header.MemberId, s.DbSize, s.DbSizeInUse, s.DbSizeQuota
	return m
}

// oldMember refuses a cluster with a member that is too old, before anything is changed.
func (c *Client) oldMember(ctx context.Context) error {
	for _, endpoint := range c.config.Endpoints {
		m := c.examine(ctx, endpoint)
		if err := tooOld(m.Version); err != nil {
			return fmt.Errorf("%s: %w", endpoint, err)
		}
	}
	return nil
}

// compacted is the oldest revision that is still there, 0 when all are. etcd reports it to a watch from the first revision.
func (c *Client) compacted(ctx context.Context) int64 {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	_, err := c.etcd.Get(ctx, c.root+"intent/", clientv3.WithRev(1), clientv3.WithCountOnly())
	if !errors.Is(rpctypes.Error(err), rpctypes.ErrCompacted) {
		return 0
	}
	for resp := range c.etcd.Watch(ctx, c.root+"intent/", clientv3.WithRev(1)) {
		if resp.CompactRevision != 0 || resp.Err() != nil {
			return resp.CompactRevision
		}
	}
	return 0
}

// warnOfMembers compares the cluster's members with the endpoints that are used.
func (h *Health) warnOfMembers(list []*etcdserverpb.Member) {
	for _, m := range list {
		known := slices.ContainsFunc(h.Members, func(x MemberHealth) bool { return x.id == m.ID || slices.Contains(m.ClientURLs, x.Endpoint) })
		switch {
		case m.Name == "":
			h.Warnings = append(h.Warnings, fmt.Sprintf("member %x (%v) was added and has never started: start it, or remove it", m.ID, m.PeerURLs))
		case !known:
			h.Warnings = append(h.Warnings, fmt.Sprintf("member %s (%v) is not among the endpoints: add it, so that it can be asked when others are away", m.Name, m.ClientURLs))
		}
	}
	if n := len(list); n > 1 && n%2 == 0 {
		h.Warnings = append(h.Warnings, fmt.Sprintf("the cluster has %d members and bears no more losses than %d would: use an odd number", n, n-1))
	}
}

// warn says what is wrong.
func (h *Health) warn() {
	leader := false
	for _, m := range h.Members {
		at := m.Endpoint
		if m.Name != "" {
			at = m.Name + " (" + m.Endpoint + ")"
		}
		if m.Error != "" {
			h.Warnings = append(h.Warnings, fmt.Sprintf("%s does not answer: %s", at, m.Error))
			continue
		}
		leader = leader || m.leader != 0
		if m.leader == 0 {
			h.Warnings = append(h.Warnings, at+" knows no leader: it is cut off, or etcd has lost its quorum; nothing can be written through it")
		}
		h.Warnings = append(h.Warnings, m.warnings(at)...)
	}
	if !leader {
		h.Warnings = append(h.Warnings, "no member that answers knows a leader: start members until more than half of them run")
	}
	h.Warnings = append(h.Warnings, h.alarmWarnings...)
	if n := h.Revision - h.Compacted; n > longHistory {
		h.Warnings = append(h.Warnings, fmt.Sprintf("%d revisions are kept: %s", n, compactionAdvice))
	}
}

// warnings are what is wrong with a member that answers.
func (m MemberHealth) warnings(at string) (list []string) {
	if w := checkVersion(m.Version); w != "" {
		list = append(list, at+": "+w)
	}
	if m.Quota != 0 && m.Quota < MinQuotaBytes {
		list = append(list, fmt.Sprintf("%s: the database may hold %d MiB: set --quota-backend-bytes to at least %d", at, m.Quota>>20, int64(MinQuotaBytes)))
	}
	switch quota := max(m.Quota, 0); {
	case quota == 0 || m.Size*100 < quota*fullShare:
	case m.InUse*2 < m.Size:
		list = append(list, fmt.Sprintf("%s: the database has %d of %d MiB, of which %d are in use: defragment it (`etcdctl defrag`), one member after the other",
			at, m.Size>>20, quota>>20, m.InUse>>20))
	default:
		list = append(list, fmt.Sprintf("%s: the database has %d of %d MiB: compact, or raise --quota-backend-bytes, before it is full; %s",
			at, m.Size>>20, quota>>20, compactionAdvice))
	}
	for _, e := range m.errors {
		list = append(list, at+": etcd reports: "+e)
	}
	return list
}
