package etcdschema

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
)

// send sends the transaction. etcd's client would copy each value twice and each compare once before it sends them.
func (t *Txn) send(ctx context.Context, etcd *link, root string) (*pb.TxnResponse, error) {
	request := &pb.TxnRequest{Compare: t.cmps(root), Success: t.ops(root)}
	resp, err := clientv3.RetryKVClient(etcd.Client).Txn(ctx, request, grpc.WaitForReady(true)) // as etcd's client sends it
	return resp, clientv3.ContextError(ctx, err)
}

func (t *Txn) cmps(root string) []*pb.Compare {
	out := make([]*pb.Compare, len(t.compares))
	for i, c := range t.compares {
		out[i] = &pb.Compare{Result: pb.Compare_EQUAL, Key: []byte(root + c.key)}
		if c.create {
			out[i].Target, out[i].TargetUnion = pb.Compare_CREATE, &pb.Compare_CreateRevision{CreateRevision: c.revision}
		} else {
			out[i].Target, out[i].TargetUnion = pb.Compare_MOD, &pb.Compare_ModRevision{ModRevision: c.revision}
		}
	}
	return out
}

func (t *Txn) ops(root string) []*pb.RequestOp {
	out := make([]*pb.RequestOp, len(t.writes))
	for i, w := range t.writes {
		key := []byte(root + w.key)
		if w.delete {
			out[i] = &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: key}}}
		} else {
			out[i] = &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: key, Value: w.value, Lease: w.lease}}}
		}
	}
	return out
}
