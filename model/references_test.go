package model

import (
	"fmt"
	"strings"
	"testing"
)

// TestReferences: the references of an object decide in which order objects are applied, and what delays a deletion. An omitted
// field refers to nothing.
func TestReferences(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind Kind
		spec string
		want []string
	}{
		{KindProject, ``, nil},
		{KindPhysicalNetwork, `"mtu": 1500`, nil},
		{KindHost, ``, nil},
		{KindHost, `"physicalNetworks": [{"name": "p", "interface": "eth1"}, {"name": "q", "interface": "eth2"}]`,
			[]string{"spec.physicalNetworks[0].name PhysicalNetwork p", "spec.physicalNetworks[1].name PhysicalNetwork q"}},
		{KindNetwork, `"type": "vlan", "physicalNetwork": "p"`, []string{"metadata.project Project alpha", "spec.physicalNetwork PhysicalNetwork p"}},
		{KindRouter, `"networks": ["a", "b"]`, []string{"metadata.project Project alpha", "spec.networks[0] Network alpha/a", "spec.networks[1] Network alpha/b"}},
		{KindRouter, `"networks": ["a"], "externalNetwork": "out"`,
			[]string{"metadata.project Project alpha", "spec.networks[0] Network alpha/a", "spec.externalNetwork Network alpha/out"}},
		{KindRouter, `"networks": ["a"], "externalNetwork": "operator/out"`,
			[]string{"metadata.project Project alpha", "spec.networks[0] Network alpha/a", "spec.externalNetwork Network operator/out"}},
		{KindPort, `"network": "a"`, []string{"metadata.project Project alpha", "spec.network Network alpha/a"}},
		{KindPort, `"network": "beta/a", "host": "h1", "migrateTo": "h2"`,
			[]string{"metadata.project Project alpha", "spec.network Network beta/a", "spec.host Host h1", "spec.migrateTo Host h2"}},
		{KindPort, `"network": "a", "securityGroups": ["web", "db"]`,
			[]string{"metadata.project Project alpha", "spec.network Network alpha/a", "spec.securityGroups[0] SecurityGroup alpha/web", "spec.securityGroups[1] SecurityGroup alpha/db"}},
		{KindSecurityGroup, `"rules": [{"direction": "ingress", "remoteGroup": "db"}]`, []string{"metadata.project Project alpha"}},
		{KindAddressPool, `"network": "beta/a", "ranges": [{"start": "10.0.0.5", "end": "10.0.0.9"}], "hostGroups": ["rack1"]`, []string{"spec.network Network beta/a"}},
		{KindFloatingIP, `"network": "operator/out"`, []string{"metadata.project Project alpha", "spec.network Network operator/out"}},
		{KindFloatingIP, `"network": "out", "port": "web"`,
			[]string{"metadata.project Project alpha", "spec.network Network alpha/out", "spec.port Port alpha/web"}},
		{KindFloatingIP, `"network": "out", "portForwards": [{"protocol": "tcp", "port": 80, "target": "web"}, {"protocol": "udp", "port": 53, "target": "dns"}]`,
			[]string{"metadata.project Project alpha", "spec.network Network alpha/out", "spec.portForwards[0].target Port alpha/web", "spec.portForwards[1].target Port alpha/dns"}},
	} {
		id := ID{"alpha", c.kind, "x"}
		if c.kind.ClusterScoped() {
			id.Project = ClusterProject
		}
		o, err := DecodeIntent(id, []byte(`{"spec": {`+c.spec+`}}`))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range o.Spec.References("alpha") {
			got = append(got, fmt.Sprintf("%s %s", r.Field, r.To))
			if r.To.Kind.ClusterScoped() != (r.To.Project == ClusterProject) {
				t.Errorf("%s {%s}: %s is looked for under %q", c.kind, c.spec, r.To, r.To.Project)
			}
		}
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s {%s} refers to\n%s\nexpected\n%s", c.kind, c.spec, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
	if refs := (&NetworkSpec{}).References("alpha"); len(refs) != 1 {
		t.Errorf("a network without a physical network refers to %v", refs)
	}
}
