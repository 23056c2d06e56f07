package ovsdb

import (
	"maps"
	"slices"

	"github.com/ovn-kubernetes/libovsdb/model"
)

// The cache copies a row at every look-up and change. Without these methods it copies through JSON. With a bridge of 1,000 ports
// that costs more than the change itself.

// CloneModel implements libovsdb's CloneableModel.
func (r *OpenVSwitch) CloneModel() model.Model {
	c := *r
	c.Bridges = slices.Clone(r.Bridges)
	return &c
}

// CloneModelInto implements libovsdb's CloneableModel.
func (r *OpenVSwitch) CloneModelInto(m model.Model) {
	*m.(*OpenVSwitch) = *r.CloneModel().(*OpenVSwitch)
}

// CloneModel implements libovsdb's CloneableModel.
func (r *Bridge) CloneModel() model.Model {
	c := *r
	c.Ports, c.Controller, c.Protocols = slices.Clone(r.Ports), slices.Clone(r.Controller), slices.Clone(r.Protocols)
	c.OtherConfig, c.ExternalIDs, c.FailMode = maps.Clone(r.OtherConfig), maps.Clone(r.ExternalIDs), clonePointer(r.FailMode)
	return &c
}

// CloneModelInto implements libovsdb's CloneableModel.
func (r *Bridge) CloneModelInto(m model.Model) { *m.(*Bridge) = *r.CloneModel().(*Bridge) }

// CloneModel implements libovsdb's CloneableModel.
func (r *Port) CloneModel() model.Model {
	c := *r
	c.Interfaces, c.Tag, c.ExternalIDs = slices.Clone(r.Interfaces), clonePointer(r.Tag), maps.Clone(r.ExternalIDs)
	return &c
}

// CloneModelInto implements libovsdb's CloneableModel.
func (r *Port) CloneModelInto(m model.Model) { *m.(*Port) = *r.CloneModel().(*Port) }

// CloneModel implements libovsdb's CloneableModel.
func (r *Interface) CloneModel() model.Model {
	c := *r
	c.OFPort, c.Error, c.ExternalIDs = clonePointer(r.OFPort), clonePointer(r.Error), maps.Clone(r.ExternalIDs)
	c.OFPortRequest = clonePointer(r.OFPortRequest)
	c.MTURequest, c.LinkState = clonePointer(r.MTURequest), clonePointer(r.LinkState)
	c.Options, c.BFD, c.BFDStatus = maps.Clone(r.Options), maps.Clone(r.BFD), maps.Clone(r.BFDStatus)
	return &c
}

// CloneModelInto implements libovsdb's CloneableModel.
func (r *Interface) CloneModelInto(m model.Model) {
	*m.(*Interface) = *r.CloneModel().(*Interface)
}

// CloneModel implements libovsdb's CloneableModel.
func (r *Controller) CloneModel() model.Model {
	c := *r
	return &c
}

// CloneModelInto implements libovsdb's CloneableModel.
func (r *Controller) CloneModelInto(m model.Model) { *m.(*Controller) = *r }

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}
