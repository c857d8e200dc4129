// The variables of the environment that name a proxy for TLS connections, in the order in which they count: as
// curl has it, the lower-case name first. Apart from the rules, so that looking whether any is set costs nothing.

export const proxyVariables = ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'] as const;
