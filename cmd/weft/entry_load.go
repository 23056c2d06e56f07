package main

import (
	"context"
	"errors"
	"fmt"

	"weft/etcdschema"
	"weft/model"
)

// selection says which objects of a kind are selected: the named ones, all of one project, or all of all projects.
type selection struct {
	kind    model.Kind
	names   []string
	project string
	all     bool
}

// entry is one object with everything that is shown about it.
type entry struct {
	id       model.ID
	object   model.Object // its spec is nil when the intent is not valid
	raw      []byte       // the intent as it is in etcd; nil when there is none
	revision int64        // of the intent
	status   etcdschema.Status
	invalid  error // why the intent cannot be decoded
}

func (s selection) where() string {
	switch {
	case s.kind.ClusterScoped():
		return "in the cluster"
	case s.all:
		return "in any project"
	}
	return "in project " + s.project
}

func notFound(missing []model.ID) error {
	var errs []error
	for _, id := range missing {
		errs = append(errs, fmt.Errorf("%s does not exist: `weft get %s` lists those that do", id, id.Kind.Segment()))
	}
	return errors.Join(errs...)
}

// load reads the selected objects with their status, and lists the named ones that do not exist.
func load(ctx context.Context, st store, sel selection) (found []entry, missing []model.ID, err error) {
	if len(sel.names) == 0 {
		found, err = loadAll(ctx, st, sel)
		return found, nil, err
	}
	for _, name := range sel.names {
		id, err := identify(string(sel.kind), name, sel.project)
		if err != nil {
			return nil, nil, err
		}
		e, ok, err := loadOne(ctx, st, id)
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			missing = append(missing, id)
			continue
		}
		found = append(found, e)
	}
	return found, missing, nil
}

func loadOne(ctx context.Context, st store, id model.ID) (entry, bool, error) {
	intent, ok, err := st.Get(ctx, etcdschema.Intent(id))
	if err != nil {
		return entry{}, false, err
	}
	e := entry{id: id}
	if ok {
		e.setIntent(intent)
	}
	status, has, err := st.Get(ctx, etcdschema.StatusKey(id))
	if has {
		e.setStatus(status)
	}
	return e, ok || has, err
}

func (e *entry) setIntent(i etcdschema.Item) {
	e.raw, e.revision = append([]byte{}, i.Value...), i.ModRevision // an empty value exists, and is invalid
	e.object, e.invalid = model.DecodeIntent(e.id, i.Value)
}

// setStatus treats a status that cannot be decoded as missing. It is only shown, and nothing is decided by it.
func (e *entry) setStatus(i etcdschema.Item) {
	e.status, _ = etcdschema.Decode[etcdschema.Status](i.Value)
}

// phase is the status in one word. A status of an older intent does not count.
func (e entry) phase() string {
	switch {
	case e.raw == nil:
		return "Deleting"
	case e.status.Phase == "":
		return "Waiting"
	case e.status.IntentRevision < e.revision:
		return string(e.status.Phase) + " (older)"
	}
	return string(e.status.Phase)
}

// programmed is "2/3" if two of the object's three nodes have programmed it; empty without nodes.
func (e entry) programmed() string {
	done := 0
	for _, n := range e.status.Nodes {
		if n.Programmed {
			done++
		}
	}
	if len(e.status.Nodes) == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", done, len(e.status.Nodes))
}
