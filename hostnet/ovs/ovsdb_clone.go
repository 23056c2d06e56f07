package ovs

import (
	"maps"
	"slices"

	"github.com/ovn-kubernetes/libovsdb/model"
)

// The cache copies a row at every look-up and change. Without these methods it copies through JSON. With a bridge of 1,000 ports
// that costs more than the change itself.

// CloneModel implements libovsdb's CloneableModel.
func (r *rootRow) CloneModel() model.Model {
	c := *r
	c.Bridges = slices.Clone(r.Bridges)
	return &c
}

// CloneModelInto implements libovsdb's CloneableModel.
func (r *rootRow) CloneModelInto(m model.Model) { *m.(*rootRow) = *r.CloneModel().(*rootRow) }

// CloneModel implements libovsdb's CloneableModel.
func (r *bridgeRow) CloneModel() model.Model {
	c := *r
	c.Ports, c.Controller, c.Protocols = slices.Clone(r.Ports), slices.Clone(r.Controller), slices.Clone(r.Protocols)
	c.OtherConfig, c.ExternalIDs, c.FailMode = maps.Clone(r.OtherConfig), maps.Clone(r.ExternalIDs), clonePointer(r.FailMode)
	return &c
}

// CloneModelInto implements libovsdb's CloneableModel.
func (r *bridgeRow) CloneModelInto(m model.Model) { *m.(*bridgeRow) = *r.CloneModel().(*bridgeRow) }

// CloneModel implements libovsdb's CloneableModel.
func (r *portRow) CloneModel() model.Model {
	c := *r
	c.Interfaces, c.Tag, c.ExternalIDs = slices.Clone(r.Interfaces), clonePointer(r.Tag), maps.Clone(r.ExternalIDs)
	return &c
}

// CloneModelInto implements libovsdb's CloneableModel.
func (r *portRow) CloneModelInto(m model.Model) { *m.(*portRow) = *r.CloneModel().(*portRow) }

// CloneModel implements libovsdb's CloneableModel.
func (r *interfaceRow) CloneModel() model.Model {
	c := *r
	c.OFPort, c.Error, c.ExternalIDs = clonePointer(r.OFPort), clonePointer(r.Error), maps.Clone(r.ExternalIDs)
	c.OFPortRequest = clonePointer(r.OFPortRequest)
	c.MTURequest, c.LinkState = clonePointer(r.MTURequest), clonePointer(r.LinkState)
	c.Options, c.BFD, c.BFDStatus = maps.Clone(r.Options), maps.Clone(r.BFD), maps.Clone(r.BFDStatus)
	return &c
}

// CloneModelInto implements libovsdb's CloneableModel.
func (r *interfaceRow) CloneModelInto(m model.Model) {
	*m.(*interfaceRow) = *r.CloneModel().(*interfaceRow)
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}
