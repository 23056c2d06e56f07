package main

import (
	"context"
	"errors"
	"testing"

	"weft/etcdschema"
	"weft/model"
)

// silentStore does not answer, and counts the requests. The methods that it does not implement are not called.
type silentStore struct {
	store
	asked int
}

func (s *silentStore) Get(context.Context, etcdschema.Key) (etcdschema.Item, bool, error) {
	s.asked++
	return etcdschema.Item{}, false, errors.New("no answer")
}

func TestLookupAsksASilentEtcdOnce(t *testing.T) {
	t.Parallel()
	st := &silentStore{}
	look := &lookup{ctx: t.Context(), st: st, known: make(map[model.ID]model.Object)}
	for _, name := range []string{"a", "b", "c"} {
		if _, ok := look.find(model.ID{Project: model.ClusterProject, Kind: model.KindHost, Name: name}); !ok {
			t.Errorf("%s is said to be missing, though nobody knows", name)
		}
	}
	if st.asked != 1 || look.err == nil {
		t.Errorf("asked %d times, error %v: want once and an error", st.asked, look.err)
	}
}
