package engine

import (
	"context"
	"maps"

	"weft/hostnet/object"
)

// servesGuest says that objects of the kind are servers in this process for one guest. They ended with the last process and are
// needed at once. Everything else on the host outlived it. Announcements are also made by this process, but they are sent to the
// physical network, where nothing from an old node config must be sent.
func servesGuest(k object.Kind) bool {
	return k == object.KindDHCPBinding || k == object.KindRABinding || k == object.KindMetadataBinding
}

// serveEarly starts the guests' servers from the node config on disk, before etcd has answered or CacheAfter has passed, because guests
// renew meanwhile. It changes and removes nothing on the host, so nothing is undone that the disk does not know. All work is done
// again later, and nothing of it is reported.
func (e *Engine) serveEarly(ctx context.Context, w *work) {
	if e.config.applied.Len() == 0 || len(w.items) == 0 {
		return
	}
	early := newWork()
	early.items = maps.Clone(w.items)
	e.compile(early)
	keys := map[object.Key]bool{}
	for k := range early.keys {
		if st := e.items.objects[k]; st != nil && st.good == nil && servesGuest(k.Kind) {
			keys[k] = true
		}
	}
	if len(keys) == 0 {
		return
	}
	p := e.plan(ctx, keys)
	out := e.apply(ctx, p)
	e.verify(ctx, out)
	e.settle(ctx, early, keys, p, out)
	if n := len(out.tried); n > 0 {
		e.log.Info("serving guests from the last good node config on disk until etcd answers", "servers", n,
			"revision", e.config.applied.Revision)
	}
}
