import type {
  AccessKey,
  ActionCategory,
  DeveloperAuthentication,
  Lab,
  LabIntegration,
  Settings,
} from '../../../shared/model/configuration.ts';

/**
 * What the other rooms may ask of the configuration: answered from memory, always the newest
 * committed state.
 */
export interface ConfigurationLookup {
  lab(labId: number): Lab | undefined;
  actionCategory(code: string): ActionCategory | undefined;
  actionCategoryById(id: number): ActionCategory | undefined;
  /** The active rules of a lab, and of its organization, for a category; in id order. */
  rulesFor(lab: Lab, actionCategoryListId: number): readonly LabIntegration[];
  /** The current version of a rule, active or not. */
  integration(labIntegrationId: number): LabIntegration | undefined;
  authentication(developerAuthenticationId: number): DeveloperAuthentication | undefined;
  /**
   * Opens the secrets of an authentication.
   * @throws Error if they cannot be opened with the present key file; the message names no secret.
   */
  openSecrets(authentication: DeveloperAuthentication): Record<string, string>;
  /** The unrevoked access key that a token belongs to. */
  accessKeyOf(token: string): AccessKey | undefined;
  readonly settings: Settings;
}
