			/*
			 * The vDSO's page may read the machine's CLOCK_MONOTONIC, and nothing else. It is the last page of user
			 * space, whose size is a multiple of what one entry of the first page table maps.
			 */
			BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clock_gettime, 0, 8),
			BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1 /* CLOCK_MONOTONIC */, 0, 6),
			BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4),
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ((init_data.stub_start & ~((1UL << 39) - 1)) - 4096) >> 32, 0, 4),
			BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer)),
			BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xfffff000),
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ((init_data.stub_start & ~((1UL << 39) - 1)) - 4096) & 0xffffffff, 0, 1),
			BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
